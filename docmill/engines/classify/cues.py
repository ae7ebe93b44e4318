"""Known document families: their names and the phrases that are typical of them.

A cue is a regular expression over lower-case text. It names forms and phrases of a kind of
document, never its subject. Each cue counts once, however often it occurs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Family:
    """A kind of document.

    Attributes:
        names: names in use; the first one is the key.
        strong: cues that few other documents contain.
        weak: cues that count only in combination.
    """

    names: tuple[str, ...]
    strong: tuple[str, ...]
    weak: tuple[str, ...] = ()

    @cached_property
    def cues(self) -> tuple[tuple[re.Pattern[str], float], ...]:
        """Each cue with its share, by which it reduces the remaining doubt."""
        return tuple(
            (re.compile(rf"\b(?:{cue})", re.MULTILINE), share)
            for cues, share in ((self.strong, STRONG), (self.weak, _WEAK))
            for cue in cues
        )


STRONG = 0.45
_WEAK = 0.18

AMBIGUOUS = frozenset(
    {"news", "paper", "policy", "protocol", "offer", "mail", "terms", "conditions", "ticket"}
    | {"bill", "proposal", "quote", "estimate"}
)
"""Names that are ambiguous in a title, though a rule with one of them means the family."""

ABOUT = frozenset(
    re.findall(
        r"\w+",
        """about api app application book builder course creator example examples generator
        guide how introduction law lesson library management manager maker module overview package
        parser plugin policy processing reader reviews sample samples scanner questions software
        system template templates tips tool tools training tutorial website what why writer
        writing""",
    )
)
"""Words next to a name in a title that mark a text about such documents."""

FAMILIES: Sequence[Family] = (
    Family(
        ("invoice", "bill", "tax invoice"),
        (
            r"invoice (?:no|number|date|#|total)",
            r"amount due",
            r"bill(?:ed)? to",
            r"payment terms?",
        ),
        (
            r"subtotal",
            r"vat\b",
            r"due (?:date|by|within)",
            r"qty|quantity",
            r"unit price",
            r"net 30",
            r"remit",
            r"invoice",
        ),
    ),
    Family(
        ("receipt", "sales receipt", "till receipt", "ticket"),
        (
            r"cashier",
            r"change (?:due|given)?\s*[:€$£\d]",
            r"thank you for (?:shopping|your purchase|your visit)",
            r"(?:visa|mastercard|debit|card) (?:ending|\*+|x+)",
            r"receipt (?:no|#|number)",
            r"auth(?:orisation)? code",
        ),
        (
            r"cash\b",
            r"subtotal",
            r"tip\b",
            r"register|till",
            r"total",
            r"receipt",
            r"approved",
            r"store\b",
        ),
    ),
    Family(
        ("purchase order", "order form"),
        (r"purchase order", r"p\.?o\.? (?:no|number|#)", r"ship to", r"vendor\b", r"please supply"),
        (r"delivery date", r"unit price", r"qty|quantity", r"authori[sz]ed by", r"buyer\b"),
    ),
    Family(
        (
            "delivery note",
            "packing slip",
            "packing list",
            "shipping document",
            "bill of lading",
            "waybill",
        ),
        (
            r"delivery note",
            r"packing (?:slip|list)",
            r"consignee",
            r"bill of lading",
            r"received in good (?:order|condition)",
        ),
        (
            r"carrier\b",
            r"parcels?|pallets?|cartons?",
            r"gross weight",
            r"tracking (?:no|number)",
            r"shipped",
        ),
    ),
    Family(
        ("contract", "agreement", "service agreement", "nda", "lease", "tenancy agreement"),
        (
            r"this (?:\w+ ){0,3}agreement",
            r"hereinafter",
            r"in witness whereof",
            r"governing law|governed by the laws",
            r"the parties (?:agree|hereto)|between the parties|both parties",
            r"terminat\w+ (?:this|by either|upon|without)",
        ),
        (
            r"shall\b",
            r"hereby",
            r"clause \d|section \d|§ ?\d",
            r"confidential",
            r"liab(?:le|ility)",
            r"indemnif",
            r"party\b",
            r"landlord|tenant|lessee|lessor",
            r"written notice",
        ),
    ),
    Family(
        ("resume", "curriculum vitae", "cv", "résumé"),
        (
            r"curriculum vitae",
            r"work (?:experience|history)|professional experience|employment history",
            r"references (?:available )?(?:up)?on request",
            r"career (?:objective|summary)|professional (?:summary|profile)",
            r"linkedin\.com/",
        ),
        (
            r"education",
            r"skills",
            r"languages?\s*:",
            r"\b(?:19|20)\d\d\s*(?:-|\u2013|to)\s*(?:present|now|today|(?:19|20)\d\d)",
            r"b\.?sc|m\.?sc|bachelor|master of|degree",
            r"experience",
            r"certifi",
        ),
    ),
    Family(
        ("bank statement", "account statement", "statement of account"),
        (
            r"(?:opening|closing|previous|ending) balance",
            r"statement period|statement of account|account statement|bank statement",
            r"sort code|iban\b|routing number",
            r"account (?:no|number|ending)",
        ),
        (
            r"withdrawals?|debits?",
            r"deposits?|credits?",
            r"direct debit|standing order",
            r"\batm\b",
            r"balance",
            r"interest",
            r"overdraft",
        ),
    ),
    Family(
        ("payslip", "pay stub", "pay slip", "salary statement", "paycheck", "wage slip"),
        (
            r"gross pay|gross salary|gross earnings",
            r"net pay|take[- ]home",
            r"pay ?slip|pay ?stub|earnings statement",
            r"pay (?:period|date)",
            r"(?:income tax|paye|national insurance|social security|401\(?k\)?|fica)\b",
        ),
        (
            r"deductions?",
            r"year to date|ytd",
            r"employee (?:no|id|number|name)",
            r"overtime",
            r"pension",
            r"hours",
        ),
    ),
    Family(
        ("tax form", "tax return", "tax document"),
        (r"taxable income", r"tax (?:year|return)", r"form (?:w-?2|1040|1099|p60)", r"taxpayer"),
        (r"adjusted gross", r"refund", r"exemptions?", r"filing status", r"withheld"),
    ),
    Family(
        (
            "medical report",
            "medical record",
            "clinical note",
            "discharge summary",
            "lab report",
            "prescription",
        ),
        (
            r"patient(?:'s)? (?:name|id|presents|was|is|reports)|^patient\b",
            r"diagnos[ie]s",
            r"discharge(?:d)? (?:summary|home|on)",
            r"\d+ ?mg\b",
            r"history of present|chief complaint|presenting complaint",
            r"blood pressure|heart rate|\bbp \d",
        ),
        (
            r"dr\.? ",
            r"symptoms?",
            r"medications?",
            r"clinic(?:al)?|hospital|ward",
            r"treatment",
            r"dob\b|date of birth",
            r"allerg",
            r"follow[- ]up",
            r"mmol|g/dl",
        ),
    ),
    Family(
        ("insurance policy", "insurance", "policy", "certificate of insurance", "insurance claim"),
        (
            r"policy ?holder",
            r"the insured|insured (?:person|party|name|vehicle|property)",
            r"policy (?:no|number|period|schedule)",
            r"sum insured|limit of (?:liability|indemnity)",
            r"insurer",
        ),
        (
            r"premium",
            r"deductible|excess\b",
            r"cover(?:age|ed)?\b",
            r"exclusions?",
            r"claims?\b",
            r"underwrit",
            r"endorsement",
        ),
    ),
    Family(
        (
            "research paper",
            "scientific paper",
            "academic paper",
            "scientific article",
            "journal article",
            "paper",
            "thesis",
        ),
        (
            r"^abstract\b",
            r"et al\b",
            r"we (?:propose|investigate|demonstrate|study)"
            r"|this (?:paper|study|article) \w+s\b",
            r"doi: ?10|doi\.org/|arxiv",
            r"statistically significant|p ?[<=] ?0?\.\d",
            r"anova|ablation|\(n ?= ?\d|confidence interval|lemma\b|theorem\b",
        ),
        (
            r"introduction",
            r"method(?:s|ology)",
            r"results",
            r"references",
            r"hypothes[ie]s",
            r"participants|sample",
            r"\[\d+\]",
            r"keywords",
            r"dataset|baseline|experiments?",
            r"we (?:present|show|report|find)\b",
            r"abstract\b",
        ),
    ),
    Family(
        (
            "patent",
            "patent application",
            "patent specification",
            "united states patent",
            "european patent",
        ),
        (
            r"patent (?:no\b|number|specification|application publication)",
            r"united states patent|european patent",
            r"(?:what is claimed is|we claim|i claim|the invention claimed is)\b",
            r"(?:method|device|system|apparatus|\w+) (?:of|according to|as claimed in) claim \d",
            r"\(?(?:7[1-6]|5[47]|2[12]|1[029])\) ?(?:inventors?|assignee|applicant|abstract|filed"
            r"|appl|patent|united states)",
        ),
        (
            r"inventors?\b",
            r"assignee|applicant",
            r"prior art",
            r"embodiments?",
            r"\bfig(?:ure|\.) ?\d",
            r"compris(?:es|ing)",
            r"wherein",
            r"priority",
        ),
    ),
    Family(
        (
            "terms of service",
            "terms and conditions",
            "terms of use",
            "legal terms",
            "terms",
            "conditions",
            "privacy policy",
            "privacy notice",
        ),
        (
            r"terms (?:of|and) (?:service|use|conditions)|privacy (?:policy|notice)",
            r"by (?:using|accessing|visiting|clicking)\b",
            r"you (?:agree|accept|consent|acknowledge)\b",
            r"to the (?:fullest |maximum )?extent permitted by",
            r"we (?:may|reserve the right to) (?:change|modify|update|amend|suspend|terminate)",
            r"these (?:terms|conditions)\b",
        ),
        (
            r"your (?:account|content|data|consent)",
            r"cookies?\b|personal (?:data|information)",
            r"third[- ]part(?:y|ies)",
            r"users?\b|visitors?\b",
        ),
    ),
    Family(
        ("inventory report", "inventory", "stock list", "stock report"),
        (
            r"stock (?:on hand|level|value|list)",
            r"reorder (?:level|point|quantity)|re-?order\b",
            r"\bsku\b",
            r"inventory (?:report|list|count|value|no)",
        ),
        (r"warehouse", r"aisle|shelf|bin\b", r"quantity|qty", r"in stock", r"item (?:no|code)"),
    ),
    Family(
        ("meeting minutes", "minutes", "meeting notes", "protocol"),
        (
            r"^minutes\b|minutes of|minutes were|approv\w+ the minutes",
            r"attendees|present:|in attendance|apologies",
            r"action items?|actions?:|action point",
            r"meeting (?:was )?(?:opened|called to order|closed|adjourned)|adjourn",
            r"next meeting",
        ),
        (
            r"agenda",
            r"agreed (?:to|that)",
            r"chair(?:ed|man|person)?\b",
            r"motion|seconded|carried",
            r"discuss(?:ed|ion)",
            r"any other business|aob\b",
        ),
    ),
    Family(
        ("job posting", "job advertisement", "job ad", "vacancy", "job description", "job offer"),
        (
            r"we(?:'re| are) (?:looking for|hiring|seeking)",
            r"(?:apply|applications?) (?:now|by|to|online|via|with|should)|how to apply"
            r"|send your (?:cv|resume|application)",
            r"what (?:we|you(?:'ll| will)) (?:offer|bring|do)|you will",
            r"requirements:|responsibilities|qualifications",
            r"equal opportunity|full[- ]time|part[- ]time",
        ),
        (
            r"salary|per annum|competitive",
            r"benefits",
            r"role\b|position\b",
            r"experience (?:in|with|of)",
            r"join (?:our|us|a)",
            r"candidates?",
            r"team\b",
        ),
    ),
    Family(
        ("manual", "user manual", "instructions", "user guide", "instruction manual", "handbook"),
        (
            r"(?:press|hold|push|turn|tighten|insert|remove|unplug|disconnect|connect) "
            r"(?:and hold |in |off |on )?the",
            r"warning:|caution:|warning!",
            r"troubleshooting",
            r"before (?:first )?(?:use|using|operating|installing|cleaning)",
            r"step \d|figure \d|fig\. ?\d",
        ),
        (
            r"do not",
            r"button|switch|knob|lever|screws?",
            r"install(?:ation)?",
            r"mainten|clean(?:ing)?",
            r"appliance|device|unit\b",
            r"model",
        ),
    ),
    Family(
        ("quotation", "quote", "offer", "estimate", "proposal"),
        (
            r"quotation|quote (?:no|number|ref)",
            r"valid (?:until|for \d+)",
            r"we are pleased to (?:offer|quote)",
            r"estimate (?:no|number)",
        ),
        (r"unit price", r"subtotal", r"lead time", r"accept(?:ance)?", r"scope of work"),
    ),
    Family(
        ("email", "e-mail", "mail"),
        (r"^from: .*@", r"^subject:", r"^to: .*@", r"sent from my"),
        (r"^(?:hi|hello|hey)\b", r"cheers|best,|kind regards", r"attached", r"forwarded|^re:"),
    ),
    Family(
        ("letter", "cover letter"),
        (
            r"dear (?:sir|madam|mr|mrs|ms|dr|customer|hiring|all)",
            r"yours (?:sincerely|faithfully|truly)|sincerely yours",
        ),
        (r"dear\b", r"sincerely|regards", r"enclos", r"i am writing to"),
    ),
    Family(
        ("news article", "press release", "news"),
        (
            r"for immediate release",
            r"\b(?:reuters|ap|afp)\b",
            r"said (?:on|in a statement)|told reporters|spokes(?:man|woman|person)",
        ),
        (
            r"according to",
            r"police|minister|mayor|government",
            r"yesterday|on (?:mon|tues|wednes|thurs|fri)day",
        ),
    ),
    Family(
        ("readme", "software documentation", "package description"),
        (
            r"(?:pip|npm|cargo|gem|apt|apt-get|brew|conda) install",
            r"readme\b",
            r"https?://(?:www\.)?(?:github|gitlab)\.com/",
            r"(?:^import|^from) [\w.]+(?: import|$)|require\('|#include",
            r"metadata-version:",
        ),
        (r"usage", r"installation|installing", r"features", r"documentation", r"licen[cs]e\b"),
    ),
    Family(
        ("software license", "software licence", "open source license", "license", "licence"),
        (
            r"permission (?:is|to) .{0,40}(?:granted|copy|use)",
            r"redistribut\w+ (?:and use )?in source",
            r"as is\b.{0,40}without (?:any )?warrant",
            r"(?:gnu (?:lesser |affero )?general public|apache|mit|bsd|mozilla public) licen[cs]e",
            r"warranties of merchantability|fitness for a particular purpose",
        ),
        (r"copyright (?:\(c\)|\u00a9|\d)", r"licen[cs]ed?\b", r"the software\b", r"sublicense"),
    ),
    Family(
        ("changelog", "change log", "release notes", "release history"),
        (
            r"change ?log|release notes|what's new",
            r"urgency=\w+",
            r"^(?:version |release |v)?\d+\.\d+(?:\.\d+)*\b",
            r"(?:bug|security) ?fix(?:es)?\b|^fix(?:ed|es)?\b",
            r"^(?:added|changed|deprecated|removed)\b",
            r"closes:? #\d|\(#\d+\)|new upstream",
        ),
        (r"release\b", r"version\b", r"breaking", r"support for", r"bugs?\b"),
    ),
    Family(
        ("source code", "program code"),
        (
            r"^(?:def|class|async def) \w+.*:$",
            r"^import \w+|^from [\w.]+ import",
            r"#include|public static|function \w*\(|=> \{",
            r"^return\b|self\.\w+",
            r"(?:if|for|while) .*[{:]$",
        ),
        (r"todo\b", r"none\b|null\b", r"true\b|false\b", r"string\b|int\b"),
    ),
    Family(
        ("manual page", "man page"),
        (r"^synopsis$", r"^name$", r"^see also$", r"^options$", r"general commands manual"),
        (r"^description$", r"^examples?$", r"^authors?$", r"^bugs$"),
    ),
)
