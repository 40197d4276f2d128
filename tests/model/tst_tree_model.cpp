#include "model/tree_model.h"

#include <QAbstractItemModelTester>
#include <QPersistentModelIndex>
#include <QTest>

using namespace fxp::model;

namespace {

struct Word : TreeNode<Word> {
    QString text;
};

/// The smallest model that there can be: a tree of words.
class WordModel : public TreeModel<Word> {
  public:
    int columnCount(const QModelIndex& = {}) const override { return 2; }
    QVariant data(const QModelIndex& index, int role) const override {
        return role == Qt::DisplayRole && index.isValid() ? QVariant(node(index).text) : QVariant();
    }
    using TreeModel::changed;
    using TreeModel::indexOf;
    using TreeModel::root;
    using TreeModel::setRoot;

    /// One row as a line, with its depth: the tests compare the whole.
    QString text(const QModelIndex& parent = {}, int depth = 0) const {
        QString lines;
        for (int row = 0; row < rowCount(parent); ++row) {
            const QModelIndex at = index(row, 0, parent);
            lines += QString(depth, ' ') + at.data().toString() + '\n' + text(at, depth + 1);
        }
        return lines;
    }
};

/// From lines with a blank for each level.
std::unique_ptr<Word> treeOf(const QString& lines) {
    auto root = std::make_unique<Word>();
    QList<Word*> path{root.get()};
    for (const QString& line : lines.split('\n', Qt::SkipEmptyParts)) {
        auto made = std::make_unique<Word>();
        made->text = line.trimmed();
        path.resize(line.size() - line.trimmed().size() + 1);
        path << path.back()->append(std::move(made));
    }
    return root;
}

} // namespace

/// The base of tree models.
class TestTreeModel : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void rows_data();
    void rows();
    void indexesKnowTheirParents();
    void changesAreToldOnEveryLevel();
    void childrenMove();
};

void TestTreeModel::rows_data() {
    QTest::addColumn<QString>("tree");
    QTest::newRow("none") << "";
    QTest::newRow("one") << "a\n";
    QTest::newRow("flat") << "a\nb\nc\n";
    QTest::newRow("deep") << "a\n b\n  c\n   d\n";
    QTest::newRow("both") << "a\n b\n  c\n d\ne\n f\n";
}

void TestTreeModel::rows() {
    QFETCH(QString, tree);
    WordModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.setRoot(treeOf(tree));
    QCOMPARE(model.text(), tree);
    model.setRoot(treeOf("x\n y\n"));
    QCOMPARE(model.text(), QString("x\n y\n"));
}

void TestTreeModel::indexesKnowTheirParents() {
    WordModel model;
    model.setRoot(treeOf("a\n b\n  c\n d\ne\n"));
    const QModelIndex a = model.index(0, 0), d = model.index(1, 1, a), c = model.index(0, 0, model.index(0, 0, a));
    QCOMPARE(d.data().toString(), QString("d"));
    QCOMPARE(d.parent(), a); // of the first column, whatever the child's is
    QCOMPARE(c.parent().data().toString(), QString("b"));
    QCOMPARE(c.parent().parent(), a);
    QVERIFY(!a.parent().isValid());
    QVERIFY(!model.index(2, 0).isValid() && !model.index(0, 2).isValid() && !model.index(-1, 0).isValid());
    QCOMPARE(model.rowCount(model.index(0, 1)), 0); // children belong to the first column
    QVERIFY(!model.indexOf(&model.root()).isValid());
    QCOMPARE(model.indexOf(model.root().children()[1].get()), model.index(1, 0));
}

void TestTreeModel::changesAreToldOnEveryLevel() {
    WordModel model;
    model.setRoot(treeOf("a\n b\n  c\n d\ne\n"));
    QStringList told;
    connect(&model, &QAbstractItemModel::dataChanged, this, [&](const QModelIndex& first, const QModelIndex& last) {
        told << first.data().toString() + last.data().toString() + QString::number(last.column());
    });
    model.changed();
    QCOMPARE(told, QStringList({"ae1", "bd1", "cc1"}));
}

void TestTreeModel::childrenMove() {
    auto root = treeOf("a\n b\n c\nd\n");
    Word* d = root->children()[1].get();
    for (auto& child : root->children()[0]->takeChildren())
        d->append(std::move(child));
    WordModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.setRoot(std::move(root));
    QCOMPARE(model.text(), QString("a\nd\n b\n c\n"));
    QCOMPARE(model.index(1, 0, model.index(1, 0)).parent(), model.index(1, 0));
}

QTEST_GUILESS_MAIN(TestTreeModel)
#include "tst_tree_model.moc"
