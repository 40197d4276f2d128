#include "app/gui/file_row.h"
#include "app/gui/inputs_table.h"
#include "app/gui/open_dialog.h"
#include "app/gui/sample_preview_view.h"
#include "app/gui/split_slider.h"

#include <QFrame>
#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QScrollArea>
#include <QVBoxLayout>

namespace fxp::gui {

namespace {

constexpr int kMargin = 24, kSide = 288, kTitle = 88;

QFrame* rule() {
    auto* line = new QFrame;
    line->setObjectName("rule");
    line->setFixedHeight(1);
    return line;
}

QLabel* text(const QString& words, const QString& name) {
    auto* label = new QLabel(words);
    label->setObjectName(name);
    label->setTextFormat(Qt::PlainText);
    return label;
}

/// The widget with the form's margins around it.
QWidget* padded(QWidget* widget, int above, int below) {
    auto* box = new QWidget;
    auto* layout = new QVBoxLayout(box);
    layout->setContentsMargins(kMargin, above, kMargin, below);
    layout->addWidget(widget);
    return box;
}

} // namespace

void OpenDialog::buildPage() {
    m_page = new QWidget;
    m_page->setObjectName("page");
    auto* columns = new QHBoxLayout(m_page);
    columns->setContentsMargins(0, 0, 0, 0);
    columns->setSpacing(0);
    columns->addWidget(buildForm(), 1);
    columns->addWidget(buildSide());
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_page, 1);
    layout->addWidget(buildFoot());
}

QWidget* OpenDialog::buildForm() {
    m_model = new FileRow(tr("Model"), tr("a model file"),
                          tr("The network: TorchScript, torch.export, ONNX, or a file of weights"),
                          tr("Models (*.pt *.pth *.pt2 *.onnx *.safetensors *.jit *.ts *.zip);;All files (*)"), false);
    m_samples =
        new FileRow(tr("Samples"), tr("none"), tr("What the network is run on: arrays by its inputs' names, or images"),
                    tr("Samples (*.npz *.npy *.png *.jpg *.jpeg *.bmp *.ppm);;All files (*)"), true);
    m_labels = new FileRow(tr("Labels"), tr("none"), tr("The class of each sample, for the accuracy"),
                           tr("Labels (*.npz *.npy)"), false);
    m_formats = new FileRow(tr("Formats"), tr("none: every tensor float"), tr("The tensors' formats to begin with"),
                            tr("QConfig (*.json)"), false);
    m_weights = new FileRow(tr("Weights"), tr("the model's own"),
                            tr("Parameters that take the place of the model's, by name; fine-tuned ones, for instance"),
                            tr("Weights (*.safetensors *.pt *.pth)"), false);
    m_inputs = new InputsTable;
    m_sizes = text({}, "muted");
    m_sizes->setWordWrap(true);
    m_sizes->setContentsMargins(10, 5, 10, 0);

    m_inputsBox = new QWidget;
    auto* inputs = new QVBoxLayout(m_inputsBox);
    inputs->setContentsMargins(kMargin - 10, 8, kMargin - 10, 8);
    inputs->setSpacing(8);
    auto* head = new QHBoxLayout;
    head->setContentsMargins(10, 0, 10, 0);
    head->addWidget(text(tr("Inputs of the model"), "heading"));
    head->addStretch();
    head->addWidget(text(tr("from its signature"), "muted"));
    inputs->addLayout(head);
    inputs->addWidget(m_inputs);
    inputs->addWidget(m_sizes);
    inputs->addStretch(1);
    auto* scroll = new QScrollArea;
    scroll->setWidgetResizable(true);
    scroll->setFocusPolicy(Qt::NoFocus);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_inputsBox->setObjectName("page");
    scroll->setWidget(m_inputsBox);

    auto* form = new QWidget;
    auto* layout = new QVBoxLayout(form);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(padded(m_model, 16, 10));
    layout->addWidget(padded(m_weights, 0, 10));
    layout->addWidget(rule());
    layout->addWidget(padded(m_samples, 8, 14));
    layout->addWidget(rule());
    layout->addWidget(scroll, 1);
    layout->addWidget(rule());
    layout->addWidget(padded(m_labels, 9, 6));
    layout->addWidget(padded(buildSplit(), 6, 8));
    layout->addWidget(padded(m_formats, 4, 10));
    return form;
}

QWidget* OpenDialog::buildSplit() {
    m_split = new SplitSlider;
    m_chosen = text({}, {});
    m_heldOut = text({}, {});
    m_splitNote = text({}, "muted");
    auto* box = new QWidget;
    auto* grid = new QGridLayout(box);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(8);
    grid->setVerticalSpacing(3);
    grid->setColumnMinimumWidth(0, kTitle);
    grid->setColumnStretch(1, 1);
    grid->addWidget(text(tr("Split"), "heading"), 0, 0);
    grid->addWidget(m_split, 0, 1);
    auto* sides = new QHBoxLayout;
    sides->addWidget(m_chosen);
    sides->addStretch();
    sides->addWidget(m_heldOut);
    grid->addLayout(sides, 1, 1);
    grid->addWidget(m_splitNote, 2, 1);
    return box;
}

QWidget* OpenDialog::buildSide() {
    m_preview = new SamplePreviewView;
    m_dropArea = new QFrame;
    m_dropArea->setObjectName("dropArea");
    auto* drop = new QVBoxLayout(m_dropArea);
    drop->setContentsMargins(8, 20, 8, 14);
    drop->setSpacing(4);
    auto* heading = text(tr("Drop files here"), "heading");
    auto* kinds = text(tr("model, samples, labels, formats,\nall at once"), "muted");
    for (QLabel* label : {heading, kinds}) {
        label->setAlignment(Qt::AlignCenter);
        drop->addWidget(label);
    }
    auto* side = new QFrame;
    side->setObjectName("side");
    side->setFixedWidth(kSide);
    auto* layout = new QVBoxLayout(side);
    layout->setContentsMargins(20, 16, 20, 22);
    layout->addWidget(m_preview);
    layout->addStretch(1);
    layout->addWidget(m_dropArea);
    return side;
}

QWidget* OpenDialog::buildFoot() {
    m_icon = text(QStringLiteral("!"), {});
    m_message = text({}, {});
    m_message->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_message->setAccessibleName(tr("What is missing, or what will open"));
    m_progress = new QProgressBar;
    m_progress->setFixedWidth(120);
    m_progress->setMaximumHeight(8);
    m_progress->setTextVisible(false);
    m_progress->setRange(0, 1000);
    m_cancel = new QPushButton(tr("Cancel"));
    m_cancel->setAutoDefault(false);
    m_open = new QPushButton(tr("Open"));
    m_open->setObjectName("primary");
    m_open->setDefault(true);
    m_cancel->setToolTip(tr("What is open stays as it is (Esc)"));
    m_open->setToolTip(tr("Open all of this together, and run it (Enter)"));
    for (QPushButton* button : {m_cancel, m_open})
        button->setFixedSize(84, 28);
    auto* foot = new QFrame;
    foot->setObjectName("foot");
    auto* line = new QHBoxLayout(foot);
    line->setContentsMargins(kMargin, 13, kMargin, 13);
    line->setSpacing(8);
    line->addWidget(m_icon);
    line->addWidget(m_message, 1);
    line->addWidget(m_progress);
    line->addWidget(m_cancel);
    line->addWidget(m_open);
    return foot;
}

} // namespace fxp::gui
