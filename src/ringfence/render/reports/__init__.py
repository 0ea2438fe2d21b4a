"""Reports: all that is allowed in a cluster, and why, as one document of data and as one HTML file that shows it."""

from ringfence.render.reports.compared import ReportedChange
from ringfence.render.reports.document import report_json
from ringfence.render.reports.findings import finding_json
from ringfence.render.reports.page_file import MODULES, page_text, report_html

__all__ = ["MODULES", "ReportedChange", "finding_json", "page_text", "report_html", "report_json"]
