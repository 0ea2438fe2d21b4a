"""Reports: all that is allowed in a cluster, and why, as one document of data and as one HTML file that shows it."""

from ringfence.render.reports.compared import ReportedChange, workload_numbers
from ringfence.render.reports.document import report_json
from ringfence.render.reports.findings import finding_json
from ringfence.render.reports.map import change_map_json
from ringfence.render.reports.page_file import MODULES, page_text, report_html

__all__ = [
    "MODULES",
    "ReportedChange",
    "change_map_json",
    "finding_json",
    "page_text",
    "report_html",
    "report_json",
    "workload_numbers",
]
