#pragma once

#include "model/document.h"

#include <QSignalSpy>
#include <QTest>

namespace fxp::test {

/// Opens a model with its samples and waits for the first complete run.
inline bool openAndRun(model::Document& document, const QString& folder, const QString& file) {
    document.openModel(folder + "/" + file, {folder + "/inputs.npz"}, folder + "/labels.npy");
    return QTest::qWaitFor([&] { return document.result() && document.result()->complete && !document.isBusy(); },
                           30'000);
}

/// Waits until nothing runs and the figures are those of the formats shown.
inline bool settled(model::Document& document) {
    return QTest::qWaitFor([&] { return !document.isBusy() && document.result() && !document.result()->outputsStale; },
                           30'000);
}

/// The state of a document that a failed or cancelled job must not change.
struct Kept {
    explicit Kept(model::Document& document)
        : model(document.model()), formats(document.formats()), qconfigFile(document.qconfigFile()),
          steps(document.undoStack()->count()), index(document.undoStack()->index()), modified(document.isModified()) {}

    bool operator==(const Kept&) const = default;

    model::OpenedModelPointer model;
    quant::Formats formats;
    QString qconfigFile;
    int steps, index;
    bool modified;
};

} // namespace fxp::test
