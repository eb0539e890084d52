"""A workflow that only waits, for tests of the servers themselves."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey

STATUS = SearchAttributeKey.for_keyword("ApprovalStatus")
A_DAY = timedelta(days=1)


@workflow.defn
class Waiting:
    """Waits for a word, a day at most, and returns it with the days that it took."""

    def __init__(self) -> None:
        """Know no word yet."""
        self._word = ""

    @workflow.run
    async def run(self) -> tuple[str, int]:
        """Wait."""
        begun = workflow.now()
        try:
            await workflow.wait_condition(lambda: self._word != "", timeout=A_DAY)
        except TimeoutError:
            workflow.upsert_search_attributes([STATUS.value_set("expired")])
        return self._word, (workflow.now() - begun).days

    @workflow.signal
    def say(self, word: str) -> None:
        """Give it the word."""
        self._word = word
