"""In what rhythm: the gaps between purchase days, and which days of the week."""

from features.catalog import Family

RHYTHM = Family("rhythm", "history", needs=("transactions.day",))
_add = RHYTHM.add

_add("mean_gap_days", "ratio(sum(gap), count(gap))", driver="buying_habit", unit="days",
     meaning="Mean days between purchase days", meaning_zh="购买日之间的平均间隔天数",
     en="Usually buys every {value}; typical is {usual}.", zh="通常每{value}购买一次；一般客户为{usual}。")
_add("gap_spread_days", "stddev_samp(gap)", driver="buying_habit", unit="days",
     meaning="Standard deviation of the gaps", meaning_zh="购买间隔的标准差",
     en="Days between purchases differ by about {value}; typical is {usual}.", zh="两次购买的间隔相差约{value}；一般客户为{usual}。")
_add("longest_gap_days", "max(gap)", driver="buying_habit", unit="days",
     meaning="The longest gap between purchase days", meaning_zh="最长的购买间隔",
     en="The longest gap so far was {value}; typical is {usual}.", zh="历史最长间隔为{value}；一般客户为{usual}。")
_add("last_gap_days", "sum(case when next_age is null then gap end)", driver="buying_habit", unit="days", usual="mean_gap_days",
     meaning="The gap before the last purchase day", meaning_zh="最近一次购买之前的间隔",
     en="The gap before the last purchase was {value}; usually {usual}.", zh="最近一次购买前间隔{value}；通常为{usual}。")
_add("mean_gap_days_{w}d", "ratio(sum(case when age <= {w} then gap end), count(case when age <= {w} then gap end))", windows=(56, 91), driver="buying_habit", unit="days", usual="mean_gap_days",
     meaning="Mean gap of the purchases in the last {w} days", meaning_zh="近{w}天购买的平均间隔",
     en="In the last {w} days buys every {value}; usually every {usual}.", zh="近{w}天每{value}购买一次；通常每{usual}。")
_add("gap_irregularity", "ratio(gap_spread_days, mean_gap_days)", relation="vector", driver="buying_habit", unit="ratio", plain=False,
     meaning="Spread of the gaps over their mean: 0 is clockwork, 1 is chance", meaning_zh="间隔波动与平均间隔之比：0为规律，1为随机",
     en="Irregularity of the buying rhythm is {value}; typical is {usual}.", zh="购买节奏的不规则度为{value}；一般客户为{usual}。")
_add("gap_lengthening", "ratio(mean_gap_days_56d, mean_gap_days)", relation="vector", driver="visiting_less", unit="ratio",
     meaning="Recent gaps over usual gaps: above 1 the customer comes less often", meaning_zh="近期间隔与平时间隔之比",
     en="Days between purchases lately: {value} times as many as usual; typical is {usual} times.", zh="近期购买间隔是平时的{value}倍；一般客户为{usual}倍。")
_add("weekend_share", "ratio(sum(case when mod(day + 3, 7) >= 5 then 1 else 0 end), count(*))", driver="buying_habit", unit="share",
     meaning="Share of purchase days on Saturday or Sunday", meaning_zh="周末购买日占比",
     en="{value} of the visits are at weekends; typical is {usual}.", zh="{value}的到访在周末；一般客户为{usual}。")
_add("typical_gap_days", "exp(ratio(sum(case when gap > 0 then ln(gap) end), count(gap)))", driver="buying_habit", unit="days",
     meaning="Geometric mean of the gaps, which a few long ones hardly move", meaning_zh="购买间隔的几何平均值（不受个别长间隔影响）",
     en="A typical gap between purchases is {value}; typical of others is {usual}.", zh="典型购买间隔为{value}；一般客户为{usual}。")
_add("gap_factor_spread", "stddev_samp(case when gap > 0 then ln(gap) end)", driver="buying_habit", unit="number", plain=False,
     meaning="Standard deviation of the logarithm of the gaps", meaning_zh="购买间隔对数的标准差",
     en="On a scale of factors the gaps vary by {value}; typical is {usual}.", zh="按倍数计，购买间隔的波动为{value}；一般客户为{usual}。")
_add("longest_gap_days_91d", "max(case when age <= 91 then gap end)", driver="visiting_less", unit="days", usual="longest_gap_days",
     meaning="The longest gap before a purchase of the last 91 days", meaning_zh="近91天购买前的最长间隔",
     en="Of late the longest gap was {value}; over all time {usual}.", zh="近91天最长间隔为{value}；历史最长为{usual}。")
_add("gaps_within_{w}d_share", "ratio(count(case when gap <= {w} then 1 end), count(gap))", windows=(7, 14, 28), driver="buying_habit", unit="share",
     meaning="Share of the gaps that were at most {w} days", meaning_zh="不超过{w}天的购买间隔占比",
     en="After {value} of the purchases they were back within {w} days; typical is {usual}.", zh="{value}的购买之后{w}天内再次购买；一般客户为{usual}。")
_add("fading_gap_days", "ratio(sum(gap * exp(-ratio(age, 28))), sum(case when gap > 0 then exp(-ratio(age, 28)) end))", driver="visiting_less", unit="days", usual="mean_gap_days", plain=False,
     meaning="Mean gap, each counting less the older it is (time constant 28 days)", meaning_zh="按时间衰减的平均购买间隔（时间常数28天）",
     en="Weighed by freshness, they buy every {value}; usually every {usual}.", zh="按新鲜度加权，每{value}购买一次；通常每{usual}。")
_add("last_gap_against_usual", "ratio(last_gap_days, mean_gap_days)", relation="vector", driver="visiting_less", unit="ratio",
     meaning="The gap before the last purchase over the usual one", meaning_zh="最近一次购买前的间隔与平时间隔之比",
     en="The gap before the last purchase was {value} times the usual one; typical is {usual}.", zh="最近一次购买前的间隔是平时的{value}倍；一般客户为{usual}倍。")
