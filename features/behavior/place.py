"""Where: how many stores, and how faithful to one."""

from features.catalog import Family

PLACE = Family("place", "store_history", needs=("transactions.store",))
_add = PLACE.add

_add("stores_{w}d", "sum(case when age <= {w} then 1 else 0 end)", windows=(28, 91), driver="place", unit="count", missing="0",
     meaning="Stores bought at in the last {w} days", meaning_zh="近{w}天光顾的门店数",
     en="Stores bought at in the last {w} days: {value}; typical is {usual}.", zh="近{w}天光顾{value}家门店；一般客户为{usual}家。")
_add("main_store_share", "ratio(max(days), sum(days))", driver="place", unit="share",
     meaning="Share of visits to the most visited store", meaning_zh="最常去门店的到访占比",
     en="{value} of the visits are to one store; typical is {usual}.", zh="{value}的到访集中在一家门店；一般客户为{usual}。")
_add("days_since_store_change", "min(first_age)", driver="place", unit="days",
     meaning="Days since a store was bought at for the first time", meaning_zh="距首次光顾最新门店的天数",
     en="First tried their newest store {value} ago; typical is {usual}.", zh="{value}前首次光顾新门店；一般客户为{usual}。")
