#include "model/opened_model.h"

namespace fxp::model {

std::shared_ptr<OpenedModel> describe(const quant::Session& session, const quant::ModelIdentity& identity,
                                      const OpenRequest& request) {
    auto model = std::make_shared<OpenedModel>();
    model->request = request;
    model->identity = identity;
    model->identity.folded = session.foldedBatchNorms();
    model->foldable = session.foldableBatchNorms();
    model->unfoldable = session.unfoldableBatchNorms();
    model->modules = session.modules();
    model->arguments = session.arguments();
    model->slots = session.slots();
    model->layers = session.layers();
    model->fedBack = session.fedBack();
    for (std::size_t i = 0; i < model->slots.size(); ++i)
        model->slotByPath.emplace(model->slots[i].path, static_cast<int>(i));
    model->samples = session.samples();
    model->sampleCount = session.sampleCount();
    model->chosenOn = session.chosenOn();
    return model;
}

} // namespace fxp::model
