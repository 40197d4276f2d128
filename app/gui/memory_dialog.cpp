#include "app/gui/memory_dialog.h"

#include "quant/core/error.h"
#include "quant/export/sample_list.h"
#include "views/copy_rows.h"
#include "views/field_guard.h"

#include <QCheckBox>
#include <QDialogButtonBox>
#include <QDir>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QTreeWidget>
#include <QVBoxLayout>

#include <algorithm>

namespace fxp::gui {

namespace {

struct KindText {
    quant::MemoryKind kind;
    const char *text, *tip;
};
constexpr KindText kKindTexts[] = {
    {quant::MemoryKind::Mem, QT_TRANSLATE_NOOP("fxp::gui::MemoryDialog", "$readmem&h (.mem)"),
     QT_TRANSLATE_NOOP("fxp::gui::MemoryDialog", "Verilog's memory files: one word a line, in hexadecimal")},
    {quant::MemoryKind::Mif, QT_TRANSLATE_NOOP("fxp::gui::MemoryDialog", "&Intel (.mif)"),
     QT_TRANSLATE_NOOP("fxp::gui::MemoryDialog", "Memory initialization files of Intel's tools")},
    {quant::MemoryKind::Coe, QT_TRANSLATE_NOOP("fxp::gui::MemoryDialog", "&AMD (.coe)"),
     QT_TRANSLATE_NOOP("fxp::gui::MemoryDialog", "Coefficient files of AMD's tools")},
    {quant::MemoryKind::CHeader, QT_TRANSLATE_NOOP("fxp::gui::MemoryDialog", "&C header (.h)"),
     QT_TRANSLATE_NOOP("fxp::gui::MemoryDialog", "All tensors as arrays of C in weights.h and golden.h")},
    {quant::MemoryKind::Npy, QT_TRANSLATE_NOOP("fxp::gui::MemoryDialog", "&NumPy (.npy)"),
     QT_TRANSLATE_NOOP("fxp::gui::MemoryDialog", "Arrays of the narrowest integers, in the tensors' shapes")}};

QString latin(std::string_view text) {
    return QString::fromLatin1(text.data(), qsizetype(text.size()));
}

QWidget* inARow(const QList<QWidget*>& widgets) {
    auto* box = new QWidget;
    auto* row = new QHBoxLayout(box);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(14);
    for (QWidget* widget : widgets)
        row->addWidget(widget);
    row->addStretch(1);
    return box;
}

} // namespace

MemoryDialog::MemoryDialog(const std::vector<quant::SlotInfo>& slotInfos, const quant::Formats& formats,
                           std::int64_t samples, const QString& folder, QWidget* parent)
    : QDialog(parent), m_slots(slotInfos), m_formats(formats), m_sampleCount(samples),
      m_begin(folder.isEmpty() ? QDir::homePath() : folder), m_folder(new QLineEdit), m_golden(new QLineEdit),
      m_goldenNote(new QLabel), m_refusedTitle(new QLabel), m_refused(new QTreeWidget),
      m_leaveOut(new QCheckBox(tr("&Leave them out, and write the rest"))) {
    setWindowTitle(tr("Export memory images and headers"));
    auto* text =
        new QLabel(tr("Writes weights and biases as integers in two's complement, the formats as types, and what "
                      "every tensor holds for some samples. Each file is read again and compared."));
    text->setWordWrap(true);
    text->setObjectName("muted");
    QWidget* fields = buildFields();
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
    m_export = buttons->button(QDialogButtonBox::Ok);
    m_export->setText(tr("Export"));
    connect(buttons, &QDialogButtonBox::accepted, this, [this] {
        store();
        accept();
    });
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    m_refusedTitle->setWordWrap(true);
    m_refusedTitle->setBuddy(m_refused);
    m_refused->setHeaderLabels({tr("Tensor"), tr("Target"), tr("Reason")});
    m_refused->setRootIsDecorated(false);
    m_refused->setAccessibleName(tr("Tensors that a chosen target cannot express"));
    m_refused->setTextElideMode(Qt::ElideMiddle);
    m_refused->header()->setStretchLastSection(false);
    m_refused->header()->setSectionResizeMode(0, QHeaderView::Stretch);
    m_refused->header()->setSectionResizeMode(1, QHeaderView::ResizeToContents);
    m_refused->header()->setSectionResizeMode(2, QHeaderView::ResizeToContents);
    views::copyRowsByKey(m_refused);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(20, 16, 20, 14);
    layout->setSpacing(10);
    layout->addWidget(text);
    layout->addWidget(fields);
    layout->addWidget(m_refusedTitle);
    layout->addWidget(m_refused, 1);
    layout->addWidget(m_leaveOut);
    layout->addStretch(0);
    layout->addWidget(buttons);
    restore();
    for (const auto& [kind, box] : m_kinds)
        connect(box, &QCheckBox::toggled, this, &MemoryDialog::update);
    for (const auto& [target, box] : m_types)
        connect(box, &QCheckBox::toggled, this, &MemoryDialog::update);
    connect(m_golden, &QLineEdit::textChanged, this, &MemoryDialog::update);
    connect(m_folder, &QLineEdit::textChanged, this, &MemoryDialog::update);
    connect(m_leaveOut, &QCheckBox::toggled, this, &MemoryDialog::update);
    update();
    resize(640, sizeHint().height());
    views::FieldGuard::guardWheel(this);
}

QWidget* MemoryDialog::buildFields() {
    auto* fields = new QWidget;
    auto* form = new QFormLayout(fields);
    form->setContentsMargins(0, 0, 0, 0);
    form->setVerticalSpacing(9);
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    auto* browse = new QPushButton(tr("&Browse…"));
    browse->setAutoDefault(false);
    connect(browse, &QPushButton::clicked, this, &MemoryDialog::browse);
    auto* place = new QWidget;
    auto* row = new QHBoxLayout(place);
    row->setContentsMargins(0, 0, 0, 0);
    row->addWidget(m_folder, 1);
    row->addWidget(browse);
    m_folder->setAccessibleName(tr("Folder"));
    form->addRow(tr("&Folder"), place);
    static_cast<QLabel*>(form->labelForField(place))->setBuddy(m_folder);

    QList<QWidget*> boxes;
    for (const KindText& kind : kKindTexts) {
        auto* box = new QCheckBox(tr(kind.text));
        box->setToolTip(tr(kind.tip));
        m_kinds.emplace_back(kind.kind, box);
        boxes << box;
    }
    form->addRow(tr("Integers as"), inARow(boxes.mid(0, 3)));
    form->addRow(QString(), inARow(boxes.mid(3)));
    QList<QWidget*> types;
    for (const quant::TypesTarget target : quant::kTypesTargets) {
        auto* box = new QCheckBox(latin(name(target)));
        box->setToolTip(tr("The format of every tensor as a type of C++, in types.h"));
        m_types.emplace_back(target, box);
        types << box;
    }
    form->addRow(tr("Types for"), inARow(types));
    m_golden->setPlaceholderText(tr("none; or samples, as 0, 3-5"));
    m_golden->setToolTip(tr("Samples whose integers are written for every tensor: what hardware must compute"));
    m_goldenNote->setObjectName("muted");
    m_goldenNote->setWordWrap(true);
    form->addRow(tr("&Golden vectors"), m_golden);
    form->addRow(QString(), m_goldenNote);
    return fields;
}

void MemoryDialog::browse() {
    const QString folder = QFileDialog::getExistingDirectory(this, tr("Folder to export into"), this->folder());
    if (!folder.isEmpty())
        m_folder->setText(folder);
}

QString MemoryDialog::folder() const {
    const QString text = m_folder->text().trimmed();
    return text.isEmpty() ? text : QDir::cleanPath(QDir(m_begin).absoluteFilePath(text));
}

std::optional<std::vector<std::int64_t>> MemoryDialog::samples(QString* why) const {
    try {
        return quant::sampleNumbers(m_golden->text().toStdString(), m_sampleCount);
    } catch (const Error& error) {
        *why = QString::fromStdString(error.problem + "; " + error.hint);
        return std::nullopt;
    }
}

quant::MemoryOptions MemoryDialog::options() const {
    quant::MemoryOptions options;
    for (const auto& [kind, box] : m_kinds) {
        if (box->isChecked())
            options.kinds.push_back(kind);
    }
    for (const auto& [target, box] : m_types) {
        if (box->isChecked())
            options.types.push_back(target);
    }
    QString why;
    if (!options.kinds.empty())
        options.golden = samples(&why).value_or(std::vector<std::int64_t>());
    options.leaveOut = m_leaveOut->isChecked();
    return options;
}

void MemoryDialog::update() {
    QString why;
    const auto chosen = samples(&why);
    const quant::MemoryOptions wanted = options();
    m_golden->setEnabled(!wanted.kinds.empty());
    const bool none = chosen && chosen->empty();
    m_goldenNote->setText(!chosen ? why
                          : none  ? m_sampleCount > 0 ? tr("Samples are 0 to %1.").arg(m_sampleCount - 1)
                                                      : tr("No samples are open.")
                                  : tr("%1 of %2 samples.").arg(chosen->size()).arg(m_sampleCount));
    const auto refusals = quant::memoryRefusals(m_slots, m_formats, wanted);
    m_refused->clear();
    for (const quant::Refusal& refusal : refusals) {
        auto* item = new QTreeWidgetItem(m_refused,
                                         {QString::fromStdString(refusal.path), QString::fromStdString(refusal.target),
                                          QString::fromStdString(refusal.reason)});
        item->setToolTip(0, item->text(0));
    }
    const bool refused = !refusals.empty();
    m_refusedTitle->setText(tr("What the targets cannot express, tensor by tensor:"));
    for (QWidget* widget :
         {static_cast<QWidget*>(m_refusedTitle), static_cast<QWidget*>(m_refused), static_cast<QWidget*>(m_leaveOut)})
        widget->setVisible(refused);
    const bool something = !wanted.kinds.empty() || !wanted.types.empty();
    m_export->setEnabled(something && !folder().isEmpty() && (chosen || wanted.kinds.empty()) &&
                         (!refused || m_leaveOut->isChecked()));
    m_export->setToolTip(!something           ? tr("Choose what to write")
                         : folder().isEmpty() ? tr("Choose a folder")
                         : refused && !m_leaveOut->isChecked()
                             ? tr("Give the tensors listed other formats, or leave them out")
                             : tr("Write the files"));
}

void MemoryDialog::store() const {
    QSettings settings;
    settings.beginGroup("memoryExport");
    settings.setValue("folder", folder());
    settings.setValue("golden", m_golden->text());
    for (const auto& [kind, box] : m_kinds)
        settings.setValue(latin(name(kind)), box->isChecked());
    for (const auto& [target, box] : m_types)
        settings.setValue(latin(name(target)), box->isChecked());
}

void MemoryDialog::restore() {
    QSettings settings;
    settings.beginGroup("memoryExport");
    m_folder->setText(settings.value("folder", QDir(m_begin).filePath("export")).toString());
    QString why;
    m_golden->setText(settings.value("golden", "0").toString());
    if (!samples(&why)) // of a model with more samples
        m_golden->setText(m_sampleCount > 0 ? "0" : "");
    for (const auto& [kind, box] : m_kinds)
        box->setChecked(settings.value(latin(name(kind)), kind == quant::MemoryKind::Mem).toBool());
    for (const auto& [target, box] : m_types)
        box->setChecked(settings.value(latin(name(target)), target == quant::TypesTarget::ApFixed).toBool());
}

} // namespace fxp::gui
