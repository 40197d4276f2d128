#pragma once

#include <QList>
#include <QWidget>

#include <optional>

class QAction;
class QLabel;
class QLineEdit;
class QTextBrowser;
class QTextDocument;
class QTreeWidget;
class QTreeWidgetItem;

namespace fxp::gui {

/// The manual, the list of keys and the page on numbers, with their contents on the left and a field that searches all
/// of them.
class HelpWindow : public QWidget {
    Q_OBJECT
  public:
    /// `actions`: those of the window, whose keys are listed.
    HelpWindow(const QList<QAction*>& actions, QWidget* parent);

    /// Shows the page ("MANUAL.md", "keys", "FIXED_POINT.md"), at the heading where one is given.
    void show(const QString& page, const QString& heading = {});
    /// The page that is shown.
    QString page() const { return m_page; }
    /// The last heading above the first line that is seen.
    QString heading() const;
    QTextBrowser* browser() const { return m_text; }
    QLineEdit* field() const { return m_field; }

    /// The pages and their titles, in order.
    static QList<std::pair<QString, QString>> pages();

  protected:
    void keyPressEvent(QKeyEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;
    void changeEvent(QEvent* event) override;

  private:
    void load(const QString& page);
    void style(QTextDocument& document) const;
    void fillContents();
    void scrollTo(const QString& heading);
    void follow(const QUrl& link);
    /// The next place of the searched text, in this page or the ones after it.
    void find(bool backwards, bool fromHere);
    QString markdown(const QString& page) const;

    QList<QAction*> m_actions;
    QString m_page;
    std::optional<QString> m_goal; ///< the heading that is shown, until the user scrolls
    bool m_restyle = false;        ///< the colours have changed since the page was loaded
    QTreeWidget* m_contents;
    QTextBrowser* m_text;
    QLineEdit* m_field;
    QLabel* m_found;
};

/// The keys of the actions, and those that widgets handle themselves, as Markdown: a section for each place.
QString keysAsMarkdown(const QList<QAction*>& actions);

} // namespace fxp::gui
