"""Options of the commands that process a source: its files, and the job."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Job(StrEnum):
    """The products that a source can be run through."""

    PARSE = "parse"
    CLASSIFY = "classify"
    EXTRACT = "extract"


class Target(StrEnum):
    """What one result of an extraction describes."""

    PER_DOC = "per_doc"
    PER_PAGE = "per_page"
    PER_TABLE_ROW = "per_table_row"


SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="The folder with the files, or the bucket: s3://bucket/prefix, gs://…, az://….",
    ),
]

RecursiveOption = Annotated[bool, typer.Option(help="Take sub-folders too.")]

IncludeOption = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="Take only these relative paths; may be repeated."),
]

ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="Leave these relative paths out; may be repeated."),
]

FollowLinksOption = Annotated[
    bool,
    typer.Option("--follow-links", help="Follow symlinks that stay within the folder."),
]

JobOption = Annotated[
    Job, typer.Option(help="What to do with each file.  [default: parse]", show_default=False)
]

RulesOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="For --job classify: YAML or JSON, a list of {type, description}.",
    ),
]

SchemaOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="For --job extract: JSON or YAML, a JSON Schema of what is to be found.",
    ),
]

CiteOption = Annotated[
    bool, typer.Option("--cite", help="For --job extract: say where each value stands.")
]

ConfidenceOption = Annotated[
    bool,
    typer.Option("--confidence", help="For --job extract: say how sure each value is."),
]

TargetOption = Annotated[
    Target | None,
    typer.Option(
        help="For --job extract: one result for each document, page or row of its tables.  "
        "[default: per_doc]",
        show_default=False,
    ),
]

EngineOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="local (parse), basic (classify, extract), llm (classify, extract) or "
        "llamacloud.  [default: what is configured]",
    ),
]

TierOption = Annotated[
    str | None,
    typer.Option(
        help="fast (text layers only), cost_effective (the default: OCR for pages without "
        "text), agentic or agentic_plus."
    ),
]

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Parameters of the job as YAML or JSON: those of parse_v2, classify_v2 or extract_v2.",
    ),
]

ConcurrencyOption = Annotated[
    int | None, typer.Option(metavar="N", min=1, max=256, help="Activities in flight at most.")
]
