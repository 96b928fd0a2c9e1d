"""In what rhythm: the gaps between purchase days, and which days of the week."""

from features.catalog import Family

RHYTHM = Family("rhythm", "history")
_add = RHYTHM.add

_add("mean_gap_days", "ratio(sum(gap), count(gap))", driver="buying_habit", unit="days",
     meaning="Mean days between purchase days", meaning_zh="购买日之间的平均间隔天数",
     en="Usually buys every {value}; typical is {usual}.", zh="通常每{value}购买一次；一般客户为{usual}。")
_add("gap_spread_days", "stddev_samp(gap)", driver="buying_habit", unit="days",
     meaning="Standard deviation of the gaps", meaning_zh="购买间隔的标准差",
     en="Gaps between purchases vary by {value}; typical is {usual}.", zh="购买间隔波动{value}；一般客户为{usual}。")
_add("longest_gap_days", "max(gap)", driver="buying_habit", unit="days",
     meaning="The longest gap between purchase days", meaning_zh="最长的购买间隔",
     en="The longest gap so far was {value}; typical is {usual}.", zh="历史最长间隔为{value}；一般客户为{usual}。")
_add("last_gap_days", "sum(case when next_age is null then gap end)", driver="buying_habit", unit="days", usual="mean_gap_days",
     meaning="The gap before the last purchase day", meaning_zh="最近一次购买之前的间隔",
     en="The gap before the last purchase was {value}; usually {usual}.", zh="最近一次购买前间隔{value}；通常为{usual}。")
_add("mean_gap_days_{w}d", "ratio(sum(case when age <= {w} then gap end), count(case when age <= {w} then gap end))", windows=(56, 91), driver="buying_habit", unit="days", usual="mean_gap_days",
     meaning="Mean gap of the purchases in the last {w} days", meaning_zh="近{w}天购买的平均间隔",
     en="In the last {w} days buys every {value}; usually every {usual}.", zh="近{w}天每{value}购买一次；通常每{usual}。")
_add("gap_irregularity", "ratio(gap_spread_days, mean_gap_days)", relation="vector", driver="buying_habit", unit="ratio",
     meaning="Spread of the gaps over their mean: 0 is clockwork, 1 is chance", meaning_zh="间隔波动与平均间隔之比：0为规律，1为随机",
     en="Irregularity of the buying rhythm is {value}; typical is {usual}.", zh="购买节奏的不规则度为{value}；一般客户为{usual}。")
_add("gap_lengthening", "ratio(mean_gap_days_56d, mean_gap_days)", relation="vector", driver="visiting_less", unit="ratio",
     meaning="Recent gaps over usual gaps: above 1 the customer comes less often", meaning_zh="近期间隔与平时间隔之比",
     en="Recent gaps are {value} times the usual ones; typical is {usual}.", zh="近期间隔是平时的{value}倍；一般客户为{usual}倍。")
_add("weekend_share", "ratio(sum(case when mod(day + 3, 7) >= 5 then 1 else 0 end), count(*))", driver="buying_habit", unit="share",
     meaning="Share of purchase days on Saturday or Sunday", meaning_zh="周末购买日占比",
     en="{value} of the visits are at weekends; typical is {usual}.", zh="{value}的到访在周末；一般客户为{usual}。")
