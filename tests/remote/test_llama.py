"""The engine `llm` against llama.cpp's own server: a small model cannot read, but it can speak."""

from pathlib import Path

from docmill.contracts import JobType
from docmill.remote.llm.engine import LlmEngine
from docmill.remote.politeness import Hosts
from docmill.settings import Settings
from tests.fixtures.remote import Jobs, written

SCHEMA = {
    "type": "object",
    "properties": {"number": {"type": "integer"}, "paid": {"enum": ["yes", "no"]}},
}
RULES = [{"type": "invoice", "description": "It asks for money"}]


async def test_a_real_server_is_asked_by_schema_and_answers_by_it(
    llama: str, jobs: Jobs, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, llm_base_url=llama, llm_model="smollm2")
    engine = LlmEngine(settings, Hosts(1))
    extract = jobs.of(JobType.EXTRACT, "Number: 42", data_schema=SCHEMA)
    classify = jobs.of(JobType.CLASSIFY, "Please pay 5 EUR.", run="job-2", rules=RULES)

    for job in (extract, classify):
        report = await engine.run(job)
        assert report.usage["requests"] == 1, "the schema held the model to an answer that fits"
        assert report.usage["input_tokens"] > 50
    await engine.close()

    assert set(written(extract)["result"]) <= {"number", "paid"}
    assert written(classify)["result"]["type"] in {"invoice", None}
