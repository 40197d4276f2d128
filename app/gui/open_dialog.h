#pragma once

#include "model/document.h"
#include "model/file_probe.h"
#include "model/input_plan.h"

#include <QDialog>

#include <functional>
#include <optional>

class QFrame;
class QLabel;
class QProgressBar;
class QPushButton;

namespace fxp::gui {

class FileRow;
class InputsTable;
class SamplePreviewView;
class SplitSlider;

/// Asks for all that is opened together, and opens it: the model, where its inputs come from, labels, split, formats.
/// What the model's file and its folder say is filled in; one line names the first thing that is missing. Files are
/// read in the background and nothing runs before Open; Esc and Cancel answer at once, whatever is under way.
class OpenDialog : public QDialog {
    Q_OBJECT
  public:
    /// Calls what it is given when it is fine to leave the document: at once, later, or never.
    using Leave = std::function<void(const std::function<void()>&)>;
    /// `leave` is called before what is open, or its edits, give way.
    OpenDialog(model::Document& document, Leave leave, QWidget* parent = nullptr);
    ~OpenDialog() override;

    /// Shows the dialog with the request filled in; what lies beside the model is added to what it does not name. False
    /// while it is opening something: it goes on with that.
    bool ask(const model::OpenRequest& request);
    const model::OpenRequest& request() const { return m_request; }

  public Q_SLOTS:
    void accept() override;
    void reject() override;

  protected:
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dragLeaveEvent(QDragLeaveEvent* event) override;
    void dropEvent(QDropEvent* event) override;
    void showEvent(QShowEvent* event) override;

  private:
    /// What the message line says. `field` is where something is missing.
    struct Message {
        QString text;
        QWidget* field = nullptr;
        bool wrong = false, ready = false;
    };
    // open_dialog_layout.cpp
    void buildPage();
    QWidget* buildForm();
    QWidget* buildSide();
    QWidget* buildFoot();
    QWidget* buildSplit();
    void connectParts();

    void setRequest(const model::OpenRequest& request);
    void addBeside();
    void probe();
    /// After a change of the request or of what is known of its files.
    void refresh();
    void showNotes();
    void showSplit();
    void showPreview();
    // open_dialog_message.cpp
    void showMessage();
    Message message() const;
    Message missingOf(const model::PlannedInput& planned) const;
    // open_dialog.cpp
    void open();
    void finish();
    void setOpening(bool opening);
    bool isOfOpenModel() const;
    bool keepsEdits() const;

    model::Document& m_document;
    Leave m_leave;
    model::OpenRequest m_request;
    model::OpenRequest m_beside; ///< what was filled in because it lies beside the model
    model::FileProbe m_probe;
    std::optional<model::InputPlan> m_plan;
    std::optional<model::Failure> m_failure; ///< of the last attempt; gone with the next change
    QWidget* m_framed = nullptr;             ///< the field that is missing
    bool m_opening = false;

    FileRow *m_model, *m_samples, *m_labels, *m_formats, *m_weights;
    InputsTable* m_inputs;
    SplitSlider* m_split;
    SamplePreviewView* m_preview;
    QFrame* m_dropArea;
    QWidget *m_page, *m_inputsBox;
    QLabel *m_sizes, *m_chosen, *m_heldOut, *m_splitNote, *m_icon, *m_message;
    QProgressBar* m_progress;
    QPushButton *m_cancel, *m_open;
};

} // namespace fxp::gui
