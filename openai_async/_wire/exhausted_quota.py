"""How servers say that the quota is exhausted: no credit is left, or a spending limit is reached. A table of spellings.

Waiting does not help, so it must not be taken for a rate limit. Words of a message count only under statuses that
servers use for it, because a message may quote the prompt. A 429 with a delay is a rate limit, whatever its message:
Gemini writes "check your plan and billing details" for a limit per minute.
"""

from __future__ import annotations

import re
from typing import Any, Final

#: `code` or `type` of an error, in lower case.
CODES: Final = frozenset(
    {
        # OpenAI: the old spelling, and the four that took over from it.
        *("insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded"),
        *("project_spend_limit_exceeded", "organization_usage_limit_exceeded"),
        *("billing_hard_limit_reached", "billing_not_active"),
        "exceeded_current_quota_error",  # Moonshot
        "1113",  # Zhipu, https://docs.bigmodel.cn/cn/faq/api-code
        "1008",  # MiniMax
        *("arrearage", "allocationquota.freetieronly"),  # Alibaba Model Studio
        "accountoverdueerror",  # Volcengine Ark
        *("insufficient_user_quota", "insufficient_balance", "insufficient_credits", "insufficient_funds"),  # gateways
        *("payment_required", "out_of_credits", "no_credits", "balance_not_enough", "credits_exhausted"),
    }
)
#: Statuses under which the words of a message count.
_STATUSES: Final = frozenset({401, 403, 429})
_WORDS: Final = re.compile(
    r"insufficient (?:account |user |your )?(?:balance|credits?|funds|quota)"
    r"|(?:balance|credits?) (?:is|are) (?:insufficient|exhausted|used up|not enough|too low)"
    r"|not enough (?:balance|credits?|funds)|(?:no|out of) credits|no more credits"
    r"|plan and billing|billing (?:hard limit|is not active)|(?:purchase|add|buy) (?:more )?credits|payment required"
    r"|(?:spending|spend|credit|monthly usage) limit|account is overdue"
    r"|please (?:recharge|top up|top-up)|arrears|余额不足|欠费|账户余额",
    re.IGNORECASE,
)
#: Anthropic's, and of the gateways before it: a 400 of type invalid_request_error.
_TOO_LOW: Final = re.compile(r"your credit balance is too low", re.IGNORECASE)


def is_quota_exhausted(status: int, code: Any, kind: Any, message: str, *, delay: float | None) -> bool:
    """Whether an error means an exhausted quota. `delay`: seconds after which the server invites a retry."""
    if status == 402:
        return True
    if any(isinstance(word, str) and word.lower() in CODES for word in (code, kind)):
        return 400 <= status < 500
    if status in _STATUSES:
        return delay is None and _WORDS.search(message[:1000]) is not None
    return status == 400 and _TOO_LOW.match(message) is not None
