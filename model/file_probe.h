#pragma once

#include "model/failure.h"
#include "model/job_queue.h"
#include "model/open_request.h"
#include "quant/engine/array.h"
#include "quant/open_model.h"

#include <QObject>
#include <QString>
#include <QStringList>

#include <memory>
#include <optional>
#include <vector>

namespace fxp::model {

/// The least and the greatest finite value; absent where there is none.
using ValueSpan = std::optional<std::pair<double, double>>;

struct ModelFacts {
    quant::ModelSignature signature;
    OpenRequest beside; ///< filesBeside
};
struct SamplesFacts {
    quant::NamedArrays arrays;
    std::vector<ValueSpan> spans; ///< by array, over all samples
};
struct LabelsFacts {
    std::vector<std::int32_t> labels;
};
struct FormatsFacts {
    int tensors = 0; ///< formats in the file
    QString
        madeFor; ///< the name of another model, whose formats they are; empty: of this one, or the file does not say
};

/// One file, or several together, as far as it is read.
template <class Facts> struct Probed {
    QStringList files;
    std::shared_ptr<const Facts> facts; ///< null while it is being read, and where it cannot be
    std::optional<Failure> failure;
    JobId job = 0;

    bool isReading() const { return !files.isEmpty() && !facts && !failure; }
};

/// Reads the files that are to be opened together, in the background, and runs nothing: what the Open dialog shows.
class FileProbe : public QObject {
    Q_OBJECT
  public:
    explicit FileProbe(QObject* parent = nullptr);
    ~FileProbe() override;

    /// An empty name forgets what was read. The same files are not read again.
    void setModel(const QString& file);
    void setSamples(const QStringList& files);
    void setLabels(const QString& file);
    /// Read against the model's bytes.
    void setFormats(const QString& file, const QString& model);
    /// Drops what is being read, and all that was read.
    void clear();

    const Probed<ModelFacts>& model() const { return m_model; }
    const Probed<SamplesFacts>& samples() const { return m_samples; }
    const Probed<LabelsFacts>& labels() const { return m_labels; }
    const Probed<FormatsFacts>& formats() const { return m_formats; }
    bool isReading() const;

  Q_SIGNALS:
    /// The model, and the files beside it, are known.
    void modelRead();
    void changed();

  private:
    template <class Facts, class Read>
    void probe(Probed<Facts>& probed, const QStringList& files, const QString& title, Read read);

    Probed<ModelFacts> m_model;
    Probed<SamplesFacts> m_samples;
    Probed<LabelsFacts> m_labels;
    Probed<FormatsFacts> m_formats;
    JobQueue m_jobs;
};

} // namespace fxp::model
