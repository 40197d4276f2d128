#include "app/gui/finetune_dialog.h"
#include "app/gui/log_dialog.h"
#include "app/gui/main_window.h"
#include "app/gui/memory_action.h"
#include "app/gui/message_strip.h"

#include <QAction>
#include <QDir>
#include <QFileDialog>
#include <QMessageBox>
#include <QPushButton>

#include <algorithm>

namespace fxp::gui {

void MainWindow::buildExchangeActions() {
    const auto made = [this](const QString& text, const QString& tip, void (MainWindow::*does)()) {
        m_exchange.push_back(action(text, {}, tip, [this, does] { (this->*does)(); }));
    };
    made(tr("Open &weights…"), tr("Replace the model's weights by name, from .safetensors or a state_dict"),
         &MainWindow::chooseWeights);
    made(tr("Save weig&hts…"), tr("Save the model's weights as they are now, as .safetensors"),
         &MainWindow::saveWeights);
    made(tr("Save for &FxPyTorch…"), tr("Save the formats; refused where FxPyTorch lacks one"),
         &MainWindow::saveForFxPyTorch);
    made(tr("Compare with &log…"), tr("Compare the last run, tensor by tensor, with an activation log"),
         &MainWindow::chooseLog);
    made(tr("Fine-&tune…"), tr("Train the weights with the formats in place"), &MainWindow::finetune);
    m_exchange.push_back(action(tr("&Memory images and headers…"), {},
                                tr("Write weights, biases and golden vectors as integers, and the formats as types"),
                                [this] { exportMemory(m_document, m_settings.value("folder").toString(), this); }));
    made(tr("Fold &batch norms"), tr("Make batch norms part of the layers before them, or layers again"),
         &MainWindow::foldBatchNorms);
    const auto updateFold = [this] {
        const auto model = m_document.model();
        const bool folded = model && !model->identity.folded.empty();
        m_exchange.back()->setText(folded ? tr("Unfold &batch norms") : tr("Fold &batch norms"));
    };
    updateFold();
    connect(&m_document, &model::Document::modelChanged, this, updateFold);
    connect(&m_document, &model::Document::logCompared, this,
            [this](const QString& file, const std::vector<quant::LogDifference>& differences) {
                auto* dialog = new LogDialog(
                    file, differences, [this](const QString& path) { return m_document.slotOf(path) >= 0; }, this);
                connect(dialog, &LogDialog::tensorChosen, this, [this](const QString& path) {
                    if (const int slot = m_document.slotOf(path); slot >= 0)
                        m_selection.select(slot);
                });
                dialog->setAttribute(Qt::WA_DeleteOnClose);
                dialog->open();
            });
}

void MainWindow::chooseWeights() {
    const QString file = QFileDialog::getOpenFileName(this, tr("Open weights"), m_settings.value("folder").toString(),
                                                      tr("Weights (*.safetensors *.pt *.pth *.ckpt *.bin)"));
    if (!file.isEmpty())
        m_document.loadWeights(file);
}

QString MainWindow::chosenName(const QString& title, const QString& suffix, const QString& filter) {
    const QString name = QString::fromStdString(m_document.model()->identity.name) + suffix;
    return QFileDialog::getSaveFileName(this, title, QDir(m_settings.value("folder").toString()).filePath(name),
                                        filter);
}

void MainWindow::saveWeights() {
    const QString file = chosenName(tr("Save weights"), ".safetensors", tr("Weights (*.safetensors)"));
    if (!file.isEmpty())
        m_document.saveWeights(file);
}

void MainWindow::saveForFxPyTorch() {
    const QString file = chosenName(tr("Save for FxPyTorch"), ".fxpytorch.json", tr("QConfig (*.json)"));
    if (!file.isEmpty())
        guarded([&] { m_document.saveForFxPyTorch(file); });
}

void MainWindow::chooseLog() {
    const QString file = QFileDialog::getOpenFileName(this, tr("Compare with log"),
                                                      m_settings.value("folder").toString(), tr("Logs (*.json)"));
    if (!file.isEmpty())
        m_document.compareLog(file);
}

void MainWindow::foldBatchNorms() {
    const bool folds = m_document.model()->identity.folded.empty() && !m_document.model()->foldable.empty();
    const bool fitted = std::ranges::any_of(m_document.formats(), &quant::QType::isComplete);
    if (!folds || !fitted) {
        m_document.setBatchNormsFolded(m_document.model()->identity.folded.empty());
        return;
    }
    QMessageBox box(QMessageBox::Warning, tr("Fold batch norms"),
                    tr("Folding gives layers other weights. Formats that were chosen for the old ones may ruin the "
                       "model."),
                    QMessageBox::Cancel, this);
    box.setInformativeText(
        tr("Calibrating anew keeps the bits of these layers and moves their binary points; it is one "
           "undo step with the folding."));
    QPushButton* anew = box.addButton(tr("Fold and calibrate anew"), QMessageBox::AcceptRole);
    const QPushButton* only = box.addButton(tr("Fold only"), QMessageBox::DestructiveRole);
    box.setDefaultButton(anew);
    box.exec();
    if (box.clickedButton() == anew || box.clickedButton() == only)
        m_document.setBatchNormsFolded(true, box.clickedButton() == anew);
}

void MainWindow::finetune() {
    FinetuneDialog dialog(m_document.model()->sampleCount, m_document.model()->samples->chosenOn, this);
    if (dialog.exec() == QDialog::Accepted)
        m_document.finetune(dialog.options());
}

} // namespace fxp::gui
