"""Reports: all allowed connections of a cluster and their reasons, as a JSON document and as an HTML file."""

from ringfence.render.reports.compared import ReportedChange, workload_numbers
from ringfence.render.reports.document import Report, report_json, with_findings
from ringfence.render.reports.findings import finding_json
from ringfence.render.reports.map import change_map_json
from ringfence.render.reports.page_file import MODULES, page_text, report_html

__all__ = [
    "MODULES",
    "Report",
    "ReportedChange",
    "change_map_json",
    "finding_json",
    "page_text",
    "report_html",
    "report_json",
    "with_findings",
    "workload_numbers",
]
