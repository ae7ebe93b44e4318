"""The engine `llm` against llama.cpp's own server with a small model."""

from pathlib import Path

from docmill.contracts.words import JobType
from docmill.remote.limits import HostLimits
from docmill.remote.llm.engine import LlmEngine
from docmill.settings import Settings
from tests.fixtures.remote import Jobs, written

SCHEMA = {
    "type": "object",
    "properties": {"number": {"type": "integer"}, "paid": {"enum": ["yes", "no"]}},
}


async def test_llama_cpp_answers_by_the_schema(llama: str, jobs: Jobs, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, llm_base_url=llama, llm_model="smollm2")
    engine = LlmEngine(settings, HostLimits(1))
    job = jobs.of(JobType.EXTRACT, "Number: 42", data_schema=SCHEMA)

    report = await engine.run(job)
    await engine.close()

    assert report.usage["requests"] == 1, "the schema held the model to an answer that fits"
    assert report.usage["input_tokens"] > 50
    assert set(written(job)["result"]) <= {"number", "paid"}
