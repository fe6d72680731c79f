"""Where packages come from and which Python is used, for those who cannot take the usual way."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsSettings
from qgis.gui import QgsCollapsibleGroupBox, QgsFileWidget
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QWidget

from ...runtime.environment import PYTHON_SETTING
from ...runtime.network import INDEX_SETTING, TORCH_INDEX_SETTING, WHEELS_SETTING, Source, source_from_qgis


class InstallSettings(QgsCollapsibleGroupBox):
    """Folded while nothing in it is set. use_asked: an interpreter or an environment's folder, "" for none."""

    use_asked = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTitle(self.tr("Without internet, graphics cards, other Pythons"))
        self.wheels = QgsFileWidget(self)
        self.wheels.setStorageMode(QgsFileWidget.StorageMode.GetDirectory)
        self.wheels.setDialogTitle(self.tr("Folder of wheels"))
        self.wheels.setToolTip(
            self.tr("Installs from the wheels in this folder alone: nothing is fetched from the internet")
        )
        self.wheels.lineEdit().setPlaceholderText(self.tr("none: from the internet"))
        self.torch_index = self._address(
            self.tr(
                "Address of torch's packages for one kind of graphics card, as its installation page names it; "
                "left empty, pip takes the usual build"
            )
        )
        self.index = self._address(self.tr("Address of your organisation's copy of the packages"))
        self.interpreter = QgsFileWidget(self)
        self.interpreter.setDialogTitle(self.tr("Interpreter of an environment that has the packages"))
        self.interpreter.setToolTip(
            self.tr("For an environment of your own, such as one of conda: its interpreter is used as it is")
        )
        self.interpreter.lineEdit().setPlaceholderText(self.tr("none: the plugin's own environment"))
        self.use_button = QPushButton(self.tr("Use"), self)
        self.use_button.setAutoDefault(False)
        self._lay_out()
        self.fill()
        self.use_button.clicked.connect(lambda _: self.use_asked.emit(self.interpreter.filePath().strip()))

    def fill(self) -> None:
        """Shows the settings as they are."""
        source = source_from_qgis()
        self.wheels.setFilePath(str(source.wheels or ""))
        self.torch_index.setText(source.torch_index)
        self.index.setText(source.index)
        self.interpreter.setFilePath(str(QgsSettings().value(PYTHON_SETTING, "") or ""))
        self.setCollapsed(not (self.interpreter.filePath() or source != Source()))

    def source(self) -> Source:
        """What is written, which is remembered from now on."""
        settings, wheels = QgsSettings(), self.wheels.filePath().strip()
        values = {
            WHEELS_SETTING: wheels,
            TORCH_INDEX_SETTING: self.torch_index.text().strip(),
            INDEX_SETTING: self.index.text().strip(),
        }
        for key, value in values.items():
            if value:
                settings.setValue(key, value)
            else:
                settings.remove(key)
        return Source(values[TORCH_INDEX_SETTING], values[INDEX_SETTING], Path(wheels) if wheels else None)

    def _address(self, tip: str) -> QLineEdit:
        line = QLineEdit(self)
        line.setToolTip(tip)
        line.setPlaceholderText(self.tr("the usual one"))
        return line

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        row = QHBoxLayout()
        row.addWidget(self.interpreter, 1)
        row.addWidget(self.use_button)
        for title, field in (
            (self.tr("Folder of wheels"), self.wheels),
            (self.tr("Address of torch"), self.torch_index),
            (self.tr("Address of the packages"), self.index),
            (self.tr("Interpreter of your own"), row),
        ):
            form.addRow(title, field)
