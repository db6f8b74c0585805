"""Notices when a session changes from a subscription to an API key: from then on it costs money, often unnoticed."""

from collections import OrderedDict

from llmledger.core.words import Billing

SWITCHED = "switched_to_api_billing"
"""The flag of the first request of a session that is billed by the token after others were not."""

MOST_SESSIONS = 10_000


class Credentials:
    """How each of the latest sessions was paid."""

    def __init__(self) -> None:
        self._paid: OrderedDict[str, Billing] = OrderedDict()

    def has_switched(self, session: str | None, billing: Billing) -> bool:
        """Take the next request of a session; say whether it is the first that leaves the subscription."""
        if session is None:
            return False
        before = self._paid.pop(session, None)
        self._paid[session] = billing
        if len(self._paid) > MOST_SESSIONS:
            self._paid.popitem(last=False)
        return before is Billing.SUBSCRIPTION and billing is Billing.API
