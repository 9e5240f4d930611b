"""Settings of the documentation build, which "make docs" runs. Warnings are errors there.

The build makes no request: no intersphinx, no web fonts, no link checks.
"""

project = "aicity-fleet"
author = "the aicity-fleet contributors"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}

# Links such as page.md#heading work as they do on a code host.
myst_heading_anchors = 3

html_theme = "furo"
html_title = "aicity-fleet"
html_show_sphinx = False
html_show_copyright = False
# Examples are shell commands, TOML and diagrams. Without a language nothing is coloured.
highlight_language = "text"
