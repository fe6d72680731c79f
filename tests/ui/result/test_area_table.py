"""The table of classes: order, switches, clipboard, columns in a narrow dock."""

from __future__ import annotations

import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt.QtCore import QEvent, QPoint, Qt
from qgis.PyQt.QtGui import QColor, QPalette
from qgis.PyQt.QtTest import QSignalSpy, QTest
from qgis.PyQt.QtWidgets import QApplication, QStyle, QStyleOptionViewItem

AREAS = [12_400.0, 310.0, 1_870.0, 60.0, 0.0, 5_210.0, 8_800.0, 900.0, 0.0, 49_600.0, 120_340.0, 90.0, 420.0]
ASCENDING, DESCENDING = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
# Class values by area, the largest first; those that are nowhere last, in the legend's order.
BY_AREA = [11, 10, 1, 7, 6, 3, 8, 13, 2, 12, 4, 5, 9]


def class_rows(hidden=(), unknown=()) -> list:
    from flair_landcover.ui.result.area_model import ClassRow

    return [
        ClassRow(
            i, c.value, c.name, c.colour, area, area / sum(AREAS), None if c.value in unknown else c.value not in hidden
        )
        for i, (c, area) in enumerate(zip(FLAIR_CLASSES, AREAS))
    ]


@pytest.fixture
def table(english):
    from flair_landcover.ui.result.area_table import AreaTable

    made = AreaTable()
    made.set_rows(class_rows())
    made.resize(300, made.sizeHint().height())
    made.show()
    QApplication.processEvents()
    yield made
    made.close()
    made.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def values(table) -> list[int]:
    return [row.value for row in table.rows()]


def click_header(table, column: int) -> None:
    header = table.header()
    place = QPoint(header.sectionViewportPosition(column) + header.sectionSize(column) // 2, header.height() // 2)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


def checkbox(table, row: int) -> QPoint:
    index = table.model().index(row, 0)
    option = QStyleOptionViewItem()
    option.initFrom(table)
    option.rect = table.visualRect(index)
    table.itemDelegate().initStyleOption(option, index)
    return table.style().subElementRect(QStyle.SubElement.SE_ItemViewItemCheckIndicator, option, table).center()


def test_the_largest_area_comes_first_and_what_is_nowhere_last(table):
    assert values(table) == BY_AREA


def test_a_click_on_the_header_sorts_by_name_area_share_or_the_legends_order(table):
    from flair_landcover.ui.result.area_model import Column

    click_header(table, Column.NAME)
    names = [row.name for row in table.rows()]
    assert names == sorted(names)
    click_header(table, Column.MARK)
    assert values(table) == list(range(1, 14))
    for column in (Column.AREA, Column.SHARE, Column.BAR):
        click_header(table, column)
        assert values(table) == BY_AREA, column


def test_the_smallest_area_first_still_leaves_what_is_nowhere_at_the_end(table):
    from flair_landcover.ui.result.area_model import Column

    click_header(table, Column.AREA)
    assert table.header().sortIndicatorOrder() == ASCENDING
    assert values(table) == [*reversed(BY_AREA[:11]), 5, 9]


def test_the_order_stays_when_other_areas_are_shown(table):
    from flair_landcover.ui.result.area_model import Column

    click_header(table, Column.MARK)
    table.set_rows(class_rows(hidden=[3]))
    assert values(table) == list(range(1, 14))


def test_a_click_on_a_checkbox_asks_to_switch_that_class(table):
    spy = QSignalSpy(table.switched)
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, checkbox(table, 2))
    assert list(spy) == [[{1}, False]]
    table.set_rows(class_rows(hidden=[1]))
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, checkbox(table, 2))
    assert list(spy)[1:] == [[{1}, True]]


def test_space_switches_all_that_is_selected_whatever_column_has_the_focus(table):
    from flair_landcover.ui.result.area_model import Column

    spy = QSignalSpy(table.switched)
    table.setCurrentIndex(table.model().index(0, Column.AREA))
    QTest.keyClick(table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(table, Qt.Key.Key_Space)
    assert list(spy) == [[{11, 10}, False]]
    table.set_rows(class_rows(hidden=[10]))
    QTest.keyClick(table, Qt.Key.Key_Space)
    assert list(spy)[1:] == [[{11, 10}, True]]


def test_a_class_that_the_renderer_does_not_know_has_no_checkbox(table):
    table.set_rows(class_rows(unknown=range(1, 14)))
    index = table.model().index(0, 0)
    assert index.data(Qt.ItemDataRole.CheckStateRole) is None
    assert not index.flags() & Qt.ItemFlag.ItemIsUserCheckable


def test_the_context_menu_shows_or_hides_all_or_all_but_the_selection(table):
    spy = QSignalSpy(table.switched)
    table.setCurrentIndex(table.model().index(0, 0))
    menu = table.make_menu()
    actions = {action.text(): action for action in menu.actions() if action.text()}
    everything = set(range(1, 14))
    actions["Hide all classes"].trigger()
    actions["Show all classes"].trigger()
    actions["Show only what is selected"].trigger()
    assert list(spy) == [[everything, False], [everything, True], [everything - {11}, False], [{11}, True]]
    menu.deleteLater()


def test_control_c_copies_the_table_as_it_is_sorted(table):
    from flair_landcover.ui.result.area_model import Column

    click_header(table, Column.MARK)
    QTest.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0] == "Class\tArea (m²)\tShare (%)"
    assert lines[1] == "building\t12400.00\t6.20"
    assert [line.split("\t")[0] for line in lines[1:]] == [c.name for c in FLAIR_CLASSES]


@pytest.mark.parametrize("width", [250, 300, 420])
@pytest.mark.parametrize("points", [8, 12])
def test_columns_fill_a_narrow_dock_and_numbers_are_never_cut(table, width, points):
    from flair_landcover.ui.result.area_model import Column

    font = table.font()
    font.setPointSize(points)
    table.setFont(font)
    table.resize(width, 500)
    QApplication.processEvents()
    widths = [table.columnWidth(column) for column in Column]
    assert sum(widths) == table.viewport().width()
    for column in (Column.MARK, Column.AREA, Column.SHARE):
        assert widths[column] >= table.sizeHintForColumn(column)
    letter = table.fontMetrics().averageCharWidth()
    assert widths[Column.NAME] >= 5 * letter and widths[Column.BAR] >= 2 * letter


def test_a_name_that_is_cut_is_in_the_tooltip_with_exact_numbers(table):
    from flair_landcover.ui.result.area_model import Column

    text = table.model().index(1, Column.NAME).data(Qt.ItemDataRole.ToolTipRole)
    assert text == "herbaceous vegetation: 49,600 m², 4.96 ha, 24.8 %"


def test_the_table_is_as_high_as_its_classes(table):
    rows = table.sizeHintForRow(0) * 13
    assert table.viewport().height() >= rows
    assert not table.verticalScrollBar().isVisible()


def columns_of_colour(table, row: int, colour: str) -> int:
    """Pixels of a colour along the middle of a row's bar."""
    from flair_landcover.ui.result.area_model import Column

    picture = table.viewport().grab().toImage()
    rect = table.visualRect(table.model().index(row, Column.BAR))
    middle = rect.center().y()
    return sum(QColor(picture.pixel(x, middle)).name() == colour for x in range(rect.left(), rect.right()))


def test_bars_are_in_the_legends_colours_and_as_long_as_the_shares(table):
    table.resize(800, 500)
    QApplication.processEvents()
    first, second = columns_of_colour(table, 0, "#fff30d"), columns_of_colour(table, 1, "#55ff00")
    assert second / first == pytest.approx(49_600 / 120_340, abs=0.05)
    assert columns_of_colour(table, 10, "#a97101") > 0  # the smallest share is seen
    assert columns_of_colour(table, 11, "#1553ae") == 0  # none is drawn for what is nowhere


@pytest.mark.parametrize(("ground", "text", "value"), [("#000000", "#ffffff", 13), ("#ffffff", "#000000", 12)])
def test_swatches_stand_out_on_a_ground_of_their_own_colour(table, ground, text, value):
    from flair_landcover.ui.result.area_model import Column

    palette = QPalette(table.palette())
    for role, name in ((QPalette.ColorRole.Base, ground), (QPalette.ColorRole.Text, text)):
        palette.setColor(role, QColor(name))
    table.setPalette(palette)
    table.sortByColumn(Column.MARK, ASCENDING)
    table.set_rows([row for row in class_rows() if row.value == value])
    QApplication.processEvents()
    picture = table.viewport().grab().toImage()
    rect = table.visualRect(table.model().index(0, Column.BAR))
    middle = rect.center().y()
    lightness = [QColor(picture.pixel(x, middle)).lightness() for x in range(rect.left(), rect.right())]
    around = QColor(ground).lightness()
    assert max(abs(each - around) for each in lightness) > 60  # the outline
