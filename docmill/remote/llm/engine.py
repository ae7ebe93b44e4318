"""The engine `llm`: parses a document locally, and sends its text to a model."""

import asyncio
import time

from docmill.engines.base import EngineReport
from docmill.engines.classify import execute as classifying
from docmill.engines.classify.base import CLASSIFY, ClassifyResult
from docmill.engines.extract import execute as extracting
from docmill.engines.extract.base import EXTRACT, ExtractResult
from docmill.engines.output_files import write_result
from docmill.errors import FailureClass, ItemFailure
from docmill.records.steps import Steps
from docmill.remote.base import RemoteJob
from docmill.remote.limits import HostLimits
from docmill.remote.llm import classification, extraction, prompts
from docmill.remote.llm.client import digest, open_chat
from docmill.remote.llm.conversation import Conversation
from docmill.settings import Settings

ANSWER_SECONDS = 600.0
"""Time limit of one answer: a slow model on a busy machine takes long to the first byte."""
_LONGEST_DIGEST = 8


class LlmEngine:
    """Extracts and classifies with any OpenAI-compatible endpoint."""

    name = "llm"
    reads_locally = True

    def __init__(self, settings: Settings, hosts: HostLimits) -> None:
        """Create it for the endpoint and the model in ``settings``, without connecting."""
        wait = min(ANSWER_SECONDS, settings.remote_timeout_seconds)
        self._chat = open_chat(settings, hosts, wait)
        self._budget = settings.llm_context_chars
        # The same model name may mean another model at another endpoint.
        place = digest([settings.llm_base_url, self._budget])[:_LONGEST_DIGEST]
        self.version = f"{prompts.VERSION}+{settings.llm_model}+{place}"

    async def run(self, job: RemoteJob) -> EngineReport:
        """Extract or classify; see `docmill.remote.base.RemoteEngine.run`."""
        conversation = Conversation(self._chat, job.steps)
        try:
            result = await self._result(job, conversation)
        except ItemFailure as failure:
            if failure.engine is None:
                failure.engine, failure.engine_version = self.name, self.version
            raise
        return await asyncio.to_thread(write_result, result, job.task)

    async def abandon(self, product: str, run_id: str, steps: Steps) -> bool:
        """Do nothing: a request ends with its connection."""
        return True

    async def close(self) -> None:
        """Close connections."""
        await self._chat.close()

    async def _result(
        self, job: RemoteJob, conversation: Conversation
    ) -> ExtractResult | ClassifyResult:
        product, parameters = job.task.product, job.task.parameters
        if product not in (EXTRACT, CLASSIFY):
            raise ItemFailure(FailureClass.UNSUPPORTED_TYPE, f"A model cannot {product} files.")
        began = time.perf_counter()
        reading = (
            extracting.parse_parameters if product == EXTRACT else classifying.parse_parameters
        )
        document = await job.read(reading(parameters))
        read = time.perf_counter()
        engine = (self.name, self.version)
        result: ExtractResult | ClassifyResult
        if product == EXTRACT:
            findings = await extraction.extract(document, parameters, conversation, self._budget)
            result = extracting.result_of(document, parameters, findings, engine)
        else:
            verdict = await classification.classify(
                document, parameters, conversation, self._budget
            )
            result = classifying.result_of(document, verdict, engine)
        ended = time.perf_counter()
        timings = {"read": read - began, "ask": ended - read, "total": ended - began}
        rounded = {step: round(seconds, 3) for step, seconds in timings.items()}
        return result.model_copy(update={"timings": rounded, "usage": dict(conversation.usage)})
