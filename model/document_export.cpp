#include "model/document.h"
#include "model/memory_job.h"

namespace fxp::model {

void Document::exportMemory(const QString& folder, const quant::MemoryOptions& options,
                            const std::function<void(const MemoryWritten&)>& then) {
    Job<MemoryWritten> job;
    job.title = tr("Exporting");
    job.work = [folder, options, kept = QStringList{m_qconfigFile}](const Target& target, const JobControl& control) {
        return model::exportMemory(target, folder, options, kept, control);
    };
    job.done = then;
    start(std::move(job));
}

} // namespace fxp::model
