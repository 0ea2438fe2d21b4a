"""Manifests in a revision or in the index of a git repository, read without checking anything out."""

from ringfence.sources.git.manifests_of_revisions import StoredFiles, read_stored, stored_files
from ringfence.sources.git.rendered_folders import RenderedFolder, Renderer, read_rendered, rendered_folder
from ringfence.sources.git.repository import Repository, commit_of, merge_base

__all__ = [
    "RenderedFolder",
    "Renderer",
    "Repository",
    "StoredFiles",
    "commit_of",
    "merge_base",
    "read_rendered",
    "read_stored",
    "rendered_folder",
    "stored_files",
]
