//! Draws intervals of ratios as one self-contained SVG: a row a condition, a bar a figure, lines at
//! 1 and at the limit.
//!
//! Must never: refer to anything outside the file, or leave out a row that has no ratio. Pure.

use crate::isolation::{Condition, LIMIT};
use core::fmt::Write as _;

const COLOURS: [&str; 3] = ["#4c78a8", "#f58518", "#54a24b"];
const LEFT: f64 = 190.0;
const RIGHT: f64 = 760.0;
const TOP: f64 = 70.0;
const ROW: f64 = 34.0;

/// The plot; `figures` names the ratios of each condition in their order.
#[must_use]
pub fn intervals(title: &str, note: &str, figures: &[&str], rows: &[Condition]) -> String {
    let ratios = || rows.iter().flat_map(|row| row.ratios.iter().flatten());
    let most = ratios().map(|ratio| ratio.high).fold(1.3, f64::max) + 0.05;
    let least = ratios().map(|ratio| ratio.low).fold(0.9, f64::min) - 0.05;
    let x = |value: f64| LEFT + (value - least) / (most - least) * (RIGHT - LEFT);
    let shown = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let bottom = TOP + f64::from(shown) * ROW;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" height=\"{:.0}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"22\" font-size=\"16\">{}</text>\n\
         <text x=\"12\" y=\"42\" fill=\"#555\">{}</text>\n",
        bottom + 62.0,
        escaped(title),
        escaped(note)
    );
    for (value, colour, label) in
        [(1.0, "#999", "1".to_owned()), (LIMIT, "#d62728", format!("limit {LIMIT:.2}"))]
    {
        let at = x(value);
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" \
             stroke=\"{colour}\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{colour}\">\
             {label}</text>",
            if value > 1.0 { bottom + 32.0 } else { bottom + 16.0 }
        );
    }
    let mut top = TOP;
    for row in rows {
        let _ =
            writeln!(svg, "<text x=\"12\" y=\"{:.1}\">{}</text>", top + 20.0, escaped(&row.name));
        for ((ratio, colour), line) in row.ratios.iter().zip(COLOURS).zip([10.0, 21.0, 32.0]) {
            let y = top + line;
            let _ = match ratio {
                Some(ratio) => writeln!(
                    svg,
                    "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y}\" y2=\"{y}\" stroke=\"{colour}\" \
                     stroke-width=\"3\"/>\
                     <circle cx=\"{:.1}\" cy=\"{y}\" r=\"5\" fill=\"{colour}\"/>",
                    x(ratio.low),
                    x(ratio.high),
                    x(ratio.median)
                ),
                None => writeln!(svg, "<text x=\"{LEFT}\" y=\"{y}\" fill=\"{colour}\">n/a</text>"),
            };
        }
        top += ROW;
    }
    let mut at = LEFT;
    for (figure, colour) in figures.iter().zip(COLOURS) {
        let y = bottom + 52.0;
        let _ = writeln!(
            svg,
            "<circle cx=\"{at:.1}\" cy=\"{:.1}\" r=\"5\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            y - 4.0,
            at + 10.0,
            escaped(figure)
        );
        at += 280.0;
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ratio;

    #[test]
    fn every_row_is_drawn_and_nothing_lies_outside() {
        let ratio = Ratio { median: 1.02, low: 0.97, high: 1.6, pairs: 30 };
        let rows = [
            Condition { name: "a < b".to_owned(), ratios: vec![Some(ratio), None] },
            Condition { name: "c".to_owned(), ratios: vec![Some(ratio), Some(ratio)] },
        ];
        let svg = intervals("t & t", "n", &["one", "two"], &rows);
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("a &lt; b") && svg.contains("t &amp; t") && svg.contains("n/a"));
        assert_eq!(svg.matches("r=\"5\"").count(), 3 + 2, "a dot a ratio, a dot a figure");
        assert!(!svg.contains("href") && !svg.contains("url("), "self-contained");
        let numbers = svg.split('"').filter_map(|part| part.parse::<f64>().ok());
        assert!(numbers.into_iter().all(|n| (0.0..=800.0).contains(&n)), "{svg}");
    }
}
