#pragma once

#include "app/gui/calibrate_dialog.h"
#include "app/gui/finetune_dialog.h"
#include "app/gui/help_window.h"
#include "app/gui/log_dialog.h"
#include "app/gui/recovery_dialog.h"
#include "app/gui/session_files_dialog.h"

#include <QTest>

#include <memory>
#include <vector>

namespace fxp::test {

inline const std::vector<const char*> kDialogs{"Calibrate", "Fine-tune",     "Fine-tune, split", "log comparison",
                                               "help",      "session files", "recovery"};

/// One of kDialogs, with something to show. The recovery dialog's journals are in `folder`.
inline std::unique_ptr<QWidget> dialog(const QString& name, const QString& folder) {
    if (name == "Calibrate")
        return std::make_unique<gui::CalibrateDialog>(2);
    if (name == "Fine-tune")
        return std::make_unique<gui::FinetuneDialog>(100, 0);
    if (name == "Fine-tune, split")
        return std::make_unique<gui::FinetuneDialog>(100, 80);
    if (name == "log comparison") {
        quant::LogDifference row;
        row.key = "a.weight";
        row.kind = quant::LogDifference::Kind::Values;
        row.count = row.different = 4;
        return std::make_unique<gui::LogDialog>("log.json", std::vector{row}, [](const QString&) { return true; });
    }
    if (name == "help")
        return std::make_unique<gui::HelpWindow>(QList<QAction*>(), nullptr);
    if (name == "session files") {
        model::SessionFile session;
        session.request.model = "/no/such/model.pt";
        session.request.labels = "/no/such/labels.npy";
        return std::make_unique<gui::SessionFilesDialog>(
            "a.fxp", session,
            std::vector<model::ChangedFile>{{session.request.model, true}, {session.request.labels, true}});
    }
    std::vector<gui::LeftWork> left(2);
    for (gui::LeftWork& work : left) {
        work.file = std::make_shared<model::JournalFile>(folder);
        work.journal.request.model = "/no/such/model.pt";
        work.journal.modelName = "digits";
    }
    return std::make_unique<gui::RecoveryDialog>(std::move(left));
}

} // namespace fxp::test
