//! Tables that sort (with JavaScript) and fold their tail (without).

use crate::report::calendar;
use crate::report::html::Html;
use crate::report::number::{counted, grouped};

/// One column's head.
pub(super) struct Column {
    pub(super) title: &'static str,
    /// "text", "num" or "plain" (not sorted by).
    pub(super) kind: &'static str,
    /// What the short title means.
    pub(super) hint: &'static str,
}

pub(super) const fn text(title: &'static str) -> Column {
    Column { title, kind: "text", hint: "" }
}

pub(super) const fn number(title: &'static str, hint: &'static str) -> Column {
    Column { title, kind: "num", hint }
}

pub(super) const fn plain(title: &'static str, hint: &'static str) -> Column {
    Column { title, kind: "plain", hint }
}

/// A table in the making.
pub(super) struct Table {
    id: String,
    shown: usize,
    rows: usize,
    body: Html,
    head: Html,
}

impl Table {
    /// A table whose first `shown` rows are visible until the reader asks for the others. `id` is unique on the page.
    pub(super) fn new(id: &str, caption: &str, columns: &[Column], shown: usize) -> Self {
        let mut head = Html::new();
        head.raw("<caption").attr("id", &format!("{id}-c")).raw(">").foreign(caption).raw("</caption>\n<thead><tr>");
        for column in columns {
            head.raw("<th scope=\"col\"").attr("class", column.kind);
            if !column.hint.is_empty() {
                head.attr("title", column.hint);
            }
            head.raw(">").text(column.title).raw("</th>");
        }
        head.raw("</tr></thead>\n");
        Self { id: id.to_owned(), shown, rows: 0, body: Html::new(), head }
    }

    pub(super) fn row(&mut self) -> &mut Html {
        self.body.raw(if self.rows >= self.shown { "<tr class=\"more\">" } else { "<tr>" });
        self.rows += 1;
        &mut self.body
    }

    /// The table; `omitted` rows were not even built, `where_else` tells where they are.
    pub(super) fn finish(self, sortable: bool, omitted: usize, where_else: &'static str) -> Html {
        let mut html = Html::new();
        let folded = self.rows.saturating_sub(self.shown);
        if folded > 0 {
            html.raw("<input type=\"checkbox\" class=\"unfold\"").attr("id", &format!("{}-all", self.id)).raw(">");
        }
        html.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\"")
            .attr("aria-labelledby", &format!("{}-c", self.id));
        html.raw("><table").attr("id", &self.id);
        if sortable {
            html.attr("class", "sortable").attr_int("data-shown", self.shown as i128);
        }
        html.raw(">");
        html.push(self.head).raw("<tbody>\n").push(self.body).raw("</tbody></table></div>\n");
        if folded > 0 {
            html.raw("<label class=\"unfold\"")
                .attr("for", &format!("{}-all", self.id))
                .raw("><span class=\"open\">Show ");
            html.text(&format!("{} more", grouped(folded as u64)))
                .raw("</span><span class=\"shut\">Show fewer</span></label>\n");
        }
        if omitted > 0 {
            html.raw("<p class=\"note\">And ")
                .text(&counted(omitted as u64, "more", "more"))
                .raw(where_else)
                .raw("</p>\n");
        }
        html
    }
}

/// A number, with the value to sort by.
pub(super) fn number_cell(html: &mut Html, value: u64) {
    html.raw("<td class=\"num\"").attr_int("data-v", i128::from(value)).raw(">").text(&grouped(value)).raw("</td>");
}

/// A day, with the value to sort by.
pub(super) fn day_cell(html: &mut Html, day: Option<i32>) {
    match day {
        Some(day) => {
            html.raw("<td class=\"num day\"")
                .attr_int("data-v", i128::from(day))
                .raw(">")
                .text(&calendar::date(day))
                .raw("</td>");
        }
        None => {
            html.raw("<td class=\"num day\" data-v=\"-9999999\">–</td>");
        }
    }
}

/// Lines added and deleted: a cell each.
pub(super) fn change_cells(html: &mut Html, additions: u64, deletions: u64) {
    html.raw("<td class=\"num plus\"").attr_int("data-v", i128::from(additions)).raw(">+").text(&grouped(additions));
    html.raw("</td><td class=\"num minus\"")
        .attr_int("data-v", i128::from(deletions))
        .raw(">−")
        .text(&grouped(deletions))
        .raw("</td>");
}
