"""Standing among the customers: how many of them have less, by the ventiles that the references hold."""

from features.catalog import Family

PEER_FAMILY = Family("peers", "vector")
_add = PEER_FAMILY.add


def ventile_names(feature: str) -> tuple[str, ...]:
    """The columns of `reference_numbers` that hold the feature's 5 %, 10 % ... 95 % quantiles, in that order."""
    return tuple(f"{feature}_q{percent:02d}" for percent in range(5, 100, 5))


def _percentile(feature: str) -> str:
    """SQL of the share of customers with no more, in steps of 5 %."""
    edges = list(enumerate(ventile_names(feature), 1))[::-1]
    return f"ratio(case when {feature} is null then null {' '.join(f'when {feature} >= {edge} then {rank}' for rank, edge in edges)} else 0 end, 20)"


_PEERS = (
    ("days_since_last_purchase", "going_quiet", "with no longer silence", "沉默时长不超过该客户的客户占比",
     "Silent for longer than {value} of the customers", "沉默时间长于{value}的客户"),
    ("mean_gap_days", "buying_habit", "with no longer gaps between purchases", "平均购买间隔不超过该客户的客户占比",
     "Buys less regularly than {value} of the customers", "购买间隔长于{value}的客户"),
    ("purchase_days_91d", "visiting_less", "with no more purchase days in 91 days", "近91天购买天数不超过该客户的客户占比",
     "Buys more often than {value} of the customers", "购买频率高于{value}的客户"),
    ("spend_91d", "spending_level", "who spent no more in 91 days", "近91天消费不超过该客户的客户占比",
     "Spends more than {value} of the customers", "消费高于{value}的客户"),
    ("spend_per_purchase_day_182d", "spending_level", "who spend no more per visit", "单次消费不超过该客户的客户占比",
     "Spends more per visit than {value} of the customers", "单次消费高于{value}的客户"),
    ("discount_share_182d", "price", "with no larger discount share", "折扣率不超过该客户的客户占比",
     "Takes more discount than {value} of the customers", "折扣率高于{value}的客户"),
    ("contract_price_per_30d", "contract_price", "with no higher contract price", "合同价格不超过该客户的客户占比",
     "Pays a higher contract price than {value} of the customers", "合同价格高于{value}的客户"),
)  # fmt: skip

for _feature, _driver, _meaning, _meaning_zh, _en, _zh in _PEERS:
    _add(f"{_feature}_percentile", _percentile(_feature), driver=_driver, unit="share", needs=tuple(f"references.{name}" for name in ventile_names(_feature)),
         image_of=_feature, meaning=f"Share of customers {_meaning}", meaning_zh=_meaning_zh,
         en=f"{_en}; typical is {{usual}}.", zh=f"{_zh}；一般为{{usual}}。")

PEERS = tuple(feature for feature, *_ in _PEERS)
"""The features of which the references hold ventiles."""
