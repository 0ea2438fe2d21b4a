"""Whether a map is laid out so that everything in it can be read."""

from itertools import combinations

from playwright.sync_api import Page

from tests.browser.pages import BOXES

TEXTS_OUTSIDE = """boxes => boxes.flatMap(box => [...box.parentElement.querySelectorAll("text")].filter(text => {
  const [b, t] = [box.getBoundingClientRect(), text.getBoundingClientRect()];
  return t.left < b.left || t.right > b.right || t.top < b.top - 1 || t.bottom > b.bottom + 1;
}).map(text => text.textContent))"""


def assert_is_laid_out(shown: Page) -> None:
    """Boxes are apart, texts are in their boxes, and boxes in their picture."""
    pictures = shown.get_by_role("group", name="Map of the allowed connections").all()
    assert pictures
    for picture in pictures:
        boxes = picture.locator(".box").evaluate_all(BOXES)
        apart = (
            one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            for one, other in combinations(boxes, 2)
        )
        assert all(apart)
        assert picture.locator(".box").evaluate_all(TEXTS_OUTSIDE) == []
        whole = picture.evaluate(f"one => ({BOXES})([one])")[0]
        for one in boxes:
            assert whole[0] <= one[0]
            assert whole[1] <= one[1]
            assert one[2] <= whole[2]
            assert one[3] <= whole[3]
