"""What the contract says: since when, till when, at what price, and whether it is paid."""

from features.catalog import Family

CONTRACT = Family("contract", "term_history", needs=("subscriptions.started_day",))
_add = CONTRACT.add
_PRICE, _PERIOD, _PLAN = ("subscriptions.price",), ("subscriptions.period_days",), ("subscriptions.plan",)
_ENDED, _NOTICE, _RENEWS = ("subscriptions.ended_day",), ("subscriptions.cancelled_day",), ("subscriptions.auto_renew",)
_UNENDING = "running = 1 and cancelled_age is null and ended_age is null"

_add("running_contracts", "sum(running)", driver="contract", unit="count", missing="0",
     meaning="Contracts running at the cut-off", meaning_zh="截止日有效的合同数",
     en="Contracts running: {value}; typical is {usual}.", zh="有效合同{value}份；一般客户为{usual}份。")
_add("contract_terms", "count(*)", driver="tenure", unit="count", missing="0",
     meaning="Terms of contract that have begun so far", meaning_zh="累计合同期数",
     en="Terms of contract so far: {value}; typical is {usual}.", zh="累计签约{value}期；一般客户为{usual}期。")
_add("days_since_first_contract", "max(age)", driver="tenure", unit="days",
     meaning="Days since the first contract began", meaning_zh="首份合同生效至今的天数",
     en="A subscriber for {value}; typical is {usual}.", zh="订阅已有{value}；一般客户为{usual}。")
_add("days_since_contract_start", "min(case when running = 1 then age end)", driver="tenure", unit="days",
     meaning="Days since the newest running term of contract began", meaning_zh="当前合同期开始至今的天数",
     en="The present term began {value} ago; typical is {usual}.", zh="当前合同期始于{value}前；一般客户为{usual}。")
_add("days_to_renewal", f"min(case when {_UNENDING} then mod(period - mod(age, period), period) end)", driver="contract", unit="days", needs=_PERIOD,
     meaning="Days to the next renewal of a running contract, 0 on its day", meaning_zh="距下次续约的天数",
     en="Renews in {value}; typical is {usual}.", zh="距续约还有{value}；一般客户为{usual}。")
_add("elapsed_period_share", "max(case when running = 1 then ratio(mod(age, period), period) end)", driver="contract", unit="share", needs=_PERIOD,
     meaning="How much of the period paid for is over", meaning_zh="当前付费周期已过比例",
     en="{value} of the present period is over; typical is {usual}.", zh="当前周期已过{value}；一般客户为{usual}。")
_add("contract_period_days", "max(case when running = 1 then period end)", driver="contract", role="context", unit="days", needs=_PERIOD,
     meaning="Days that a price of the running contract pays for", meaning_zh="当前合同的付费周期天数",
     en="Pays for {value} at a time; typical is {usual}.", zh="每次支付{value}的费用；一般客户为{usual}。")
_add("contract_price", "sum(case when running = 1 then price end)", driver="contract_price", unit="money", needs=_PRICE,
     meaning="Price of a period of the running contracts", meaning_zh="当前合同每期价格",
     en="Pays {value} a period; typical is {usual}.", zh="每期支付{value}；一般客户为{usual}。")
_add("contract_price_per_30d", "sum(case when running = 1 then ratio(30 * price, period) end)", driver="contract_price", unit="money", needs=(*_PRICE, *_PERIOD),
     meaning="Price of thirty days of the running contracts", meaning_zh="当前合同每30天价格",
     en="Pays {value} for thirty days; typical is {usual}.", zh="每30天支付{value}；一般客户为{usual}。")
_add("contract_price_change", "max(case when running = 1 then price_ratio end)", driver="contract_price", unit="ratio", needs=_PRICE,
     meaning="Price of the running contract over that of the term before, for as many days", meaning_zh="当前合同价格与上一期价格之比",
     en="Pays {value} times the price of the term before; typical is {usual}.", zh="当前价格是上一期的{value}倍；一般客户为{usual}倍。")
_add("contract_price_rises", "sum(case when price_ratio > 1 then 1 else 0 end)", driver="contract_price", unit="count", missing="0", needs=_PRICE,
     meaning="Terms that cost more than the one before", meaning_zh="合同涨价次数",
     en="Price rises so far: {value}; typical is {usual}.", zh="累计涨价{value}次；一般客户为{usual}次。")
_add("days_since_price_change", "min(case when price_ratio <> 1 then age end)", driver="contract_price", unit="days", needs=_PRICE,
     meaning="Days since a term began at another price than the one before", meaning_zh="距上次合同价格变动的天数",
     en="The price last changed {value} ago; typical is {usual}.", zh="上次价格变动在{value}前；一般客户为{usual}。")
_add("plan_changes", "sum(plan_changed)", driver="contract", unit="count", missing="0", needs=_PLAN,
     meaning="Terms on another plan than the one before", meaning_zh="更换套餐次数",
     en="Changes of plan so far: {value}; typical is {usual}.", zh="累计更换套餐{value}次；一般客户为{usual}次。")
_add("days_since_plan_change", "min(case when plan_changed = 1 then age end)", driver="contract", unit="days", needs=_PLAN,
     meaning="Days since a term began on another plan than the one before", meaning_zh="距上次更换套餐的天数",
     en="The plan last changed {value} ago; typical is {usual}.", zh="上次更换套餐在{value}前；一般客户为{usual}。")
_add("auto_renewing_share", "ratio(sum(case when running = 1 then auto_renew end), count(case when running = 1 then auto_renew end))", driver="contract", unit="share", needs=_RENEWS,
     meaning="Share of the running contracts that renew by themselves", meaning_zh="自动续约合同占比",
     en="{value} of the running contracts renew by themselves; typical is {usual}.", zh="{value}的有效合同自动续约；一般客户为{usual}。")
_add("contracts_under_notice", "sum(case when running = 1 and cancelled_age is not null then 1 else 0 end)", driver="contract", unit="count", missing="0", needs=_NOTICE,
     meaning="Running contracts of which notice was given", meaning_zh="已提出解约但仍有效的合同数",
     en="Running contracts under notice: {value}; typical is {usual}.", zh="已提出解约的有效合同{value}份；一般客户为{usual}份。")
_add("days_since_notice", "min(cancelled_age)", driver="contract", unit="days", needs=_NOTICE,
     meaning="Days since notice of a contract was last given", meaning_zh="距上次提出解约的天数",
     en="Last gave notice {value} ago; typical is {usual}.", zh="上次提出解约在{value}前；一般客户为{usual}。")
_add("days_until_contract_end", "min(case when running = 1 then -ended_age end)", driver="contract", unit="days", needs=(*_NOTICE, *_ENDED),
     meaning="Days until a running contract ends of which notice was given", meaning_zh="已解约合同距到期的天数",
     en="A contract under notice ends in {value}; typical is {usual}.", zh="已解约合同{value}后到期；一般客户为{usual}。")
_add("days_since_contract_end", "min(case when running = 0 then ended_age end)", driver="contract", unit="days", needs=_ENDED,
     meaning="Days since a contract last ended", meaning_zh="距上次合同结束的天数",
     en="A contract last ended {value} ago; typical is {usual}.", zh="上次合同结束在{value}前；一般客户为{usual}。")
_add("contract_breaks", "sum(case when gap > 1 then 1 else 0 end)", driver="contract", role="context", unit="count", missing="0", needs=_ENDED,
     meaning="Times that days passed between the end of a contract and the next one", meaning_zh="合同中断次数",
     en="Breaks between contracts so far: {value}; typical is {usual}.", zh="合同累计中断{value}次；一般客户为{usual}次。")
_add("longest_contract_gap_days", "max(gap)", driver="contract", role="context", unit="days", needs=_ENDED,
     meaning="Most days between the end of a contract and the next one", meaning_zh="合同之间的最长间隔天数",
     en="The longest break between contracts was {value}; typical is {usual}.", zh="合同之间最长间隔为{value}；一般客户为{usual}。")

_FAILED = ("interactions.kind",)
_add("failed_payments_{w}d", "sum(case when age <= {w} and kind = 'payment_failed' then 1 else 0 end)", windows=(28, 91), relation="interaction_history", driver="payment", unit="count", missing="0", needs=_FAILED,
     meaning="Failed payments in the last {w} days", meaning_zh="近{w}天付款失败次数",
     en="Failed payments in the last {w} days: {value}; typical is {usual}.", zh="近{w}天有{value}次付款失败；一般客户为{usual}次。")
_add("days_since_failed_payment", "min(case when kind = 'payment_failed' then age end)", relation="interaction_history", driver="payment", unit="days", needs=_FAILED,
     meaning="Days since a payment last failed", meaning_zh="距上次付款失败的天数",
     en="A payment last failed {value} ago; typical is {usual}.", zh="上次付款失败在{value}前；一般客户为{usual}。")
