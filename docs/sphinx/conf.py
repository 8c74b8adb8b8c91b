"""The site: what stands in it, and how it looks. `make docs` builds it into `site/`.

The folder of sources is the repository itself, so that links between its pages are the same there,
on a git host and here. `docs/decisions/0045-a-site-of-the-same-pages.md` has the reasons.
"""

import sys
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from site_names import aliases  # noqa: E402

import latentode  # noqa: E402

project = "latentode"
author = "The latentode developers"
release = version = latentode.__version__
root_doc = "README"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_gallery.gen_gallery",
    "site_navigation",
    "site_names",
    "site_formulas",
    "site_links",
    "site_llms",
]

# pages of the repository; what is made of the examples lies beside them
include_patterns = [
    "*.md",
    "docs/**.md",
    "docs/gallery/**.rst",
    "findings/README.md",
    "benchmarks/RESULTS.md",
    "datasets/README.md",
]
exclude_patterns = [".*", "site", "runs", "docs/gallery/sg_execution_times.rst"]

myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath", "attrs_block"]
suppress_warnings = ["config.cache"]

smartquotes = False  # --smoke is an option
default_role = "py:obj"  # `name` in a docstring: a link where it is one of ours
nitpicky = True
autodoc_default_options = {
    "members": True,
    "member-order": "groupwise",
    "inherited-members": False,
    "exclude-members": "model_config, model_post_init",
}
autodoc_class_signature = "mixed"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
add_module_names = False
toc_object_entries_show_parents = "hide"
autodoc_type_aliases = aliases(latentode)
napoleon_numpy_docstring = False
napoleon_preprocess_types = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = ["Reference"]

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": str(ROOT / "docs" / "gallery"),
    "filename_pattern": r"/\d\d_",
    "ignore_pattern": r"/[a-z_]+\.py$",
    "reset_argv": "site_examples.arguments",
    "image_scrapers": ("site_examples.pictures",),
    "reset_modules": ("site_examples.name_file",),
    "abort_on_example_error": True,
    "only_warn_on_example_error": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "download_all_examples": False,
    "plot_gallery": "True",
    "matplotlib_animations": False,
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": None,
    "remove_config_comments": True,
}

html_theme = "pydata_sphinx_theme"
html_title = "latentode"
html_show_sourcelink = False
html_copy_source = False
html_static_path = ["style.css"]
html_css_files = ["style.css"]
templates_path = ["templates"]
html_sidebars = {"**": ["all-pages.html"]}
html_theme_options = {
    "logo": {"text": "latentode"},
    "navbar_center": [],
    "navbar_end": ["theme-switcher"],
    "navigation_depth": 3,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "use_edit_page_button": False,
    "search_as_you_type": False,
}
html_context = {"default_mode": "auto"}
html_show_copyright = False


def setup(app: Any) -> None:
    """Tables are shown as they are; Pygments has no colours for them."""
    app.add_lexer("csv", TextLexer)
