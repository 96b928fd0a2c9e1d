"""What came back: returns, in number and money."""

from features.catalog import Family

RETURNS = Family("returns", "return_history", needs=("transactions.is_return",))
_add = RETURNS.add

_add("return_lines_{w}d", "sum(case when age <= {w} then lines else 0 end)", windows=(28, 91, 182), driver="returns", unit="count", missing="0",
     meaning="Lines returned in the last {w} days", meaning_zh="近{w}天退货行数",
     en="Items returned in the last {w} days: {value}; typical is {usual}.", zh="近{w}天退货{value}件；一般客户为{usual}件。")
_add("returned_amount_182d", "sum(case when age <= 182 then amount else 0 end)", driver="returns", unit="money", missing="0",
     meaning="Money returned in the last 182 days", meaning_zh="近182天退货金额",
     en="Returned goods for {value} in the last 182 days; typical is {usual}.", zh="近182天退货金额{value}；一般客户为{usual}。")
_add("returned_share_182d", "ratio(returned_amount_182d, spend_182d)", relation="vector", driver="returns", unit="share",
     meaning="Money returned over money spent in the last 182 days", meaning_zh="近182天退货金额占比",
     en="{value} of the money spent in the last 182 days came back as returns; typical is {usual}.", zh="近182天{value}的消费被退货；一般客户为{usual}。")
_add("days_since_last_return", "min(age)", driver="returns", unit="days",
     meaning="Days since the last return", meaning_zh="距上次退货的天数",
     en="Last returned something {value} ago; typical is {usual}.", zh="上次退货在{value}前；一般客户为{usual}。")
_add("returned_amount_28d", "sum(case when age <= 28 then amount else 0 end)", driver="returns", unit="money", missing="0",
     meaning="Money returned in the last 28 days", meaning_zh="近28天退货金额",
     en="Returned goods for {value} in the last 28 days; typical is {usual}.", zh="近28天退货金额{value}；一般客户为{usual}。")
_add("return_days_182d", "sum(case when age <= 182 then 1 else 0 end)", driver="returns", unit="count", missing="0",
     meaning="Days with a return in the last 182 days", meaning_zh="近182天有退货的天数",
     en="Days on which they brought something back in the last 182: {value}; typical is {usual}.", zh="近182天有{value}天退货；一般客户为{usual}天。")
_add("return_days_per_purchase_day_182d", "ratio(return_days_182d, purchase_days_182d)", relation="vector", driver="returns", unit="ratio",
     meaning="Days with a return per purchase day in the last 182 days", meaning_zh="近182天退货天数与购买天数之比",
     en="Returns per visit in the last 182 days: {value}; typical is {usual}.", zh="近182天每次购买对应{value}次退货；一般客户为{usual}次。")
_add("return_trend", "ratio(182 * return_lines_28d, 28 * return_lines_182d)", relation="vector", driver="returns", unit="ratio",
     meaning="Returned lines per day in the last 28 days over those of 182", meaning_zh="近28天与近182天退货频率之比",
     en="Returns run at {value} times their usual pace; typical is {usual}.", zh="退货频率是平时的{value}倍；一般客户为{usual}倍。")
