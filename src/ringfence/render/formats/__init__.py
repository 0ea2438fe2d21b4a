"""Formats: one writer for each. A writer knows the syntax and the escapes of its format, and nothing about the data."""

from ringfence.render.formats.ages import age
from ringfence.render.formats.csv import csv_lines, csv_text
from ringfence.render.formats.dot import dot_text
from ringfence.render.formats.github_annotations import MOST_OF_A_LEVEL, Annotation, Level, annotations_text
from ringfence.render.formats.graph import Graph, GraphEdge, GraphNode
from ringfence.render.formats.json import API_VERSION, Json, document_json, json_items, json_line, json_text
from ringfence.render.formats.jsonpath import JSONPathError, JSONPathTemplate, parse_template
from ringfence.render.formats.junit import (
    JUnitCase,
    JUnitKind,
    JUnitProblem,
    JUnitSuite,
    junit_failure,
    junit_text,
    unique_names,
)
from ringfence.render.formats.markdown import (
    markdown_code,
    markdown_list,
    markdown_table,
    markdown_table_lines,
    markdown_text,
)
from ringfence.render.formats.mermaid import mermaid_text
from ringfence.render.formats.sarif import (
    MOST_RESULTS,
    SarifLocation,
    SarifResult,
    SarifRule,
    SarifSuppression,
    SarifTool,
    sarif_text,
)
from ringfence.render.formats.svg import Element, element, svg_text
from ringfence.render.formats.tap import TapPoint, tap_text
from ringfence.render.formats.terminal import escape_as_kubectl, escape_controls, one_line
from ringfence.render.formats.text_table import aligned, streamed_table, table
from ringfence.render.formats.yaml import yaml_text

__all__ = [
    "API_VERSION",
    "MOST_OF_A_LEVEL",
    "MOST_RESULTS",
    "Annotation",
    "Element",
    "Graph",
    "GraphEdge",
    "GraphNode",
    "JSONPathError",
    "JSONPathTemplate",
    "JUnitCase",
    "JUnitKind",
    "JUnitProblem",
    "JUnitSuite",
    "Json",
    "Level",
    "SarifLocation",
    "SarifResult",
    "SarifRule",
    "SarifSuppression",
    "SarifTool",
    "TapPoint",
    "age",
    "aligned",
    "annotations_text",
    "csv_lines",
    "csv_text",
    "document_json",
    "dot_text",
    "element",
    "escape_as_kubectl",
    "escape_controls",
    "json_items",
    "json_line",
    "json_text",
    "junit_failure",
    "junit_text",
    "markdown_code",
    "markdown_list",
    "markdown_table",
    "markdown_table_lines",
    "markdown_text",
    "mermaid_text",
    "one_line",
    "parse_template",
    "sarif_text",
    "streamed_table",
    "svg_text",
    "table",
    "tap_text",
    "unique_names",
    "yaml_text",
]
