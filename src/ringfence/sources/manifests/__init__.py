"""Objects from manifests: files, folders, standard input, kustomizations, charts; YAML as kubectl understands it."""

from ringfence.sources.manifests.comments import comments_of, find_comments
from ringfence.sources.manifests.content import (
    LFS_MESSAGE,
    LFS_POINTER,
    MAX_BYTES,
    parse_yaml,
    read_content,
    read_settings,
)
from ringfence.sources.manifests.contents import STANDARD_INPUT_NAME, FileContents, FileText
from ringfence.sources.manifests.files import ALL_FILES, KUSTOMIZATIONS, SUFFIXES, FolderFiles, read_files
from ringfence.sources.manifests.paths import CONFIGURATION_FILE, STANDARD_INPUT, Exclusion
from ringfence.sources.manifests.rendering import (
    CHART,
    TEMPLATE_MARK,
    Exported,
    build_kustomization,
    render_chart,
    unrendered_chart,
)
from ringfence.sources.manifests.small_files import read_small_file

__all__ = [
    "ALL_FILES",
    "CHART",
    "CONFIGURATION_FILE",
    "KUSTOMIZATIONS",
    "LFS_MESSAGE",
    "LFS_POINTER",
    "MAX_BYTES",
    "STANDARD_INPUT",
    "STANDARD_INPUT_NAME",
    "SUFFIXES",
    "TEMPLATE_MARK",
    "Exclusion",
    "Exported",
    "FileContents",
    "FileText",
    "FolderFiles",
    "build_kustomization",
    "comments_of",
    "find_comments",
    "parse_yaml",
    "read_content",
    "read_files",
    "read_settings",
    "read_small_file",
    "render_chart",
    "unrendered_chart",
]
