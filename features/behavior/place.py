"""Where: which stores and channels, how faithful to one of them, and how often the customer switches."""

from features.catalog import Family

PLACE = Family("place", "place_history", needs=("transactions.store",))
_add = PLACE.add

_add("stores_{w}d", "sum(case when kind = 'store' and age <= {w} then 1 else 0 end)", windows=(28, 91), driver="place", unit="count", missing="0",
     meaning="Stores bought at in the last {w} days", meaning_zh="近{w}天光顾的门店数",
     en="Stores bought at in the last {w} days: {value}; typical is {usual}.", zh="近{w}天光顾{value}家门店；一般客户为{usual}家。")
_add("main_store_share", "ratio(max(case when kind = 'store' then days end), sum(case when kind = 'store' then days end))", driver="place", unit="share",
     meaning="Share of visits to the most visited store", meaning_zh="最常去门店的到访占比",
     en="{value} of the visits are to one store; typical is {usual}.", zh="{value}的到访集中在一家门店；一般客户为{usual}。")
_add("days_since_store_change", "min(case when kind = 'store' then first_age end)", driver="place", unit="days",
     meaning="Days since a store was bought at for the first time", meaning_zh="距首次光顾最新门店的天数",
     en="Began to buy at another store {value} ago; typical is {usual}.", zh="{value}前开始光顾另一家门店；一般客户为{usual}。")
_add("store_switch_share", "ratio(sum(case when kind = 'store' then moves end), sum(case when kind = 'store' then steps end))", driver="place", unit="share",
     meaning="Share of visits to another store than the time before", meaning_zh="与上次不同门店的到访占比",
     en="{value} of the visits were to another store than the time before; typical is {usual}.", zh="{value}的到访与上次门店不同；一般客户为{usual}。")
_add("days_since_store_switch", "min(case when kind = 'store' then moved_age end)", driver="place", unit="days",
     meaning="Days since a visit to another store than the time before", meaning_zh="距上次更换门店的天数",
     en="Last switched stores {value} ago; typical is {usual}.", zh="上次更换门店在{value}前；一般客户为{usual}。")

_CHANNEL = ("transactions.channel",)
_add("channels_{w}d", "sum(case when kind = 'channel' and age <= {w} then 1 else 0 end)", windows=(28, 91), driver="place", unit="count", missing="0", needs=_CHANNEL,
     meaning="Channels bought through in the last {w} days", meaning_zh="近{w}天使用的购买渠道数",
     en="Channels bought through in the last {w} days: {value}; typical is {usual}.", zh="近{w}天使用{value}个购买渠道；一般客户为{usual}个。")
_add("main_channel_share", "ratio(max(case when kind = 'channel' then days end), sum(case when kind = 'channel' then days end))", driver="place", unit="share", needs=_CHANNEL,
     meaning="Share of visits through the most used channel", meaning_zh="最常用渠道的购买占比",
     en="{value} of the visits are through one channel; typical is {usual}.", zh="{value}的购买集中在一个渠道；一般客户为{usual}。")
_add("days_since_channel_change", "min(case when kind = 'channel' then first_age end)", driver="place", unit="days", needs=_CHANNEL,
     meaning="Days since a channel was bought through for the first time", meaning_zh="距首次使用最新渠道的天数",
     en="First tried their newest channel {value} ago; typical is {usual}.", zh="{value}前首次使用新渠道；一般客户为{usual}。")
_add("channel_switch_share", "ratio(sum(case when kind = 'channel' then moves end), sum(case when kind = 'channel' then steps end))", driver="place", unit="share", needs=_CHANNEL,
     meaning="Share of visits through another channel than the time before", meaning_zh="与上次不同渠道的购买占比",
     en="{value} of the visits were through another channel than the time before; typical is {usual}.", zh="{value}的购买与上次渠道不同；一般客户为{usual}。")
_add("days_since_channel_switch", "min(case when kind = 'channel' then moved_age end)", driver="place", unit="days", needs=_CHANNEL,
     meaning="Days since a visit through another channel than the time before", meaning_zh="距上次更换渠道的天数",
     en="Last switched channels {value} ago; typical is {usual}.", zh="上次更换渠道在{value}前；一般客户为{usual}。")
