"""Text that XML can hold.

Source: XML 1.0, section 2.2 ("Characters").
"""

import re
from typing import Final

# XML 1.0 cannot hold these characters, not even as character references, and ElementTree writes them as they are.
# Names in invalid manifests can contain them.
# They are listed themselves: the complement, the ranges of section 2.2, takes Python 4 ms to compile.
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def xml_text(text: str) -> str:
    """`text` with U+FFFD in place of each character that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
