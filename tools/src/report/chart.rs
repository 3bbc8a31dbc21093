//! One chart as inline SVG, drawn by `plotters`.

use plotters::coord::Shift;
use plotters::prelude::*;
use std::ops::Range;

/// How an axis reads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Axis {
    /// Seconds of recorded time.
    Seconds,
    /// Values given as log10 of 1/(1 - p): 50 %, 90 %, 99 %, ...
    Nines,
    /// Values given as log10 of nanoseconds.
    LogNanoseconds,
    /// Plain numbers, with their unit.
    Plain(&'static str),
}

/// Shape of a mark.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Marks {
    /// Triangle upwards.
    Up,
    /// Triangle downwards.
    Down,
}

type Points<'a> = &'a [(f64, f64)];

/// A chart.
#[derive(Debug)]
pub(crate) struct Chart<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<(&'a str, Points<'a>)>,
    pub(crate) marks: Vec<(&'a str, Marks, Points<'a>)>,
    /// Draw lines as steps: a value holds until the next.
    pub(crate) steps: bool,
}

const SIZE: (u32, u32) = (1_000, 330);
const COLOURS: [RGBColor; 6] = [
    RGBColor(76, 120, 168),
    RGBColor(245, 133, 24),
    RGBColor(84, 162, 75),
    RGBColor(178, 121, 162),
    RGBColor(157, 117, 93),
    RGBColor(214, 39, 40),
];

impl Chart<'_> {
    /// The chart as an `<svg>` element; a short note instead where it cannot be drawn.
    pub(crate) fn svg(&self) -> String {
        let mut text = String::new();
        let drawn = {
            let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
            self.draw(&area)
        };
        match drawn {
            Ok(()) => text,
            Err(error) => format!("<p class=note>{}: not drawn ({error})</p>", self.title),
        }
    }

    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), String> {
        let fail = |e: DrawingAreaErrorKind<_>| {
            let e: DrawingAreaErrorKind<std::io::Error> = e;
            e.to_string()
        };
        let (xs, ys) = (self.range(|p| p.0, 0.0), self.range(|p| p.1, 0.06));
        let labels = self.x.labels(&xs);
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, ("sans-serif", 17))
            .margin(10)
            .x_label_area_size(38)
            .y_label_area_size(86)
            .build_cartesian_2d(xs, ys)
            .map_err(fail)?;
        chart
            .configure_mesh()
            .x_desc(self.x.unit())
            .y_desc(self.y.unit())
            .x_label_formatter(&|v| self.x.label(*v))
            .y_label_formatter(&|v| self.y.label(*v))
            .x_labels(labels)
            .y_labels(8)
            .light_line_style(RGBColor(244, 245, 247))
            .bold_line_style(RGBColor(228, 231, 235))
            .label_style(("sans-serif", 13))
            .draw()
            .map_err(fail)?;
        for ((name, points), colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let drawn = if self.steps { steps(points) } else { points.to_vec() };
            chart
                .draw_series(LineSeries::new(drawn, colour.stroke_width(1)))
                .map_err(fail)?
                .label(*name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))
                });
        }
        for (name, shape, points) in &self.marks {
            let (colour, sign) = match shape {
                Marks::Up => (RGBColor(30, 130, 76), 1),
                Marks::Down => (RGBColor(200, 40, 40), -1),
            };
            let triangle = move |at: (f64, f64)| {
                EmptyElement::at(at)
                    + Polygon::new([(-5, 5 * sign), (5, 5 * sign), (0, -5 * sign)], colour.filled())
            };
            chart
                .draw_series(points.iter().map(|p| triangle(*p)))
                .map_err(fail)?
                .label(*name)
                .legend(move |(x, y)| Circle::new((x + 9, y), 5, colour.filled()));
        }
        chart
            .configure_series_labels()
            .border_style(RGBColor(210, 214, 220))
            .background_style(WHITE.mix(0.85))
            .label_font(("sans-serif", 13))
            .position(SeriesLabelPosition::UpperLeft)
            .draw()
            .map_err(fail)?;
        area.present().map_err(fail)
    }

    /// Span of all points, widened by `margin` of itself and never empty.
    fn range(&self, of: impl Fn(&(f64, f64)) -> f64, margin: f64) -> Range<f64> {
        let lines = self.lines.iter().map(|(_, p)| p);
        let marks = self.marks.iter().map(|(_, _, p)| p);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for point in lines.chain(marks).flat_map(|points| points.iter()) {
            low = low.min(of(point));
            high = high.max(of(point));
        }
        if !(low.is_finite() && high.is_finite()) {
            return 0.0..1.0;
        }
        let pad = ((high - low) * margin).max(if high > low { 0.0 } else { 0.5 });
        low - pad..high + pad
    }
}

impl Axis {
    const fn unit(self) -> &'static str {
        match self {
            Self::Seconds => "recorded time, s",
            Self::Nines => "percentile",
            Self::LogNanoseconds => "ns",
            Self::Plain(unit) => unit,
        }
    }

    /// Labels wished for: at whole nines one each.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of nines: small and positive"
    )]
    fn labels(self, range: &Range<f64>) -> usize {
        match self {
            Self::Nines => (range.end - range.start).ceil().clamp(1.0, 9.0) as usize + 1,
            Self::Seconds | Self::LogNanoseconds | Self::Plain(_) => 12,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "labels of a drawing; nothing is decided")]
    fn label(self, value: f64) -> String {
        match self {
            Self::Seconds => format!("{value:.0}"),
            Self::Nines => {
                let percent = 100.0 - 100.0 / 10_f64.powf(value);
                let text = format!("{percent:.5}");
                format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
            }
            Self::LogNanoseconds => {
                let ns = 10_f64.powf(value);
                match ns {
                    n if n < 1e3 => format!("{n:.0} ns"),
                    n if n < 1e6 => format!("{:.1} us", n / 1e3),
                    n => format!("{:.1} ms", n / 1e6),
                }
            }
            Self::Plain(_) => {
                let text = format!("{value:.4}");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
        }
    }
}

/// Each value held until the next point.
fn steps(points: Points<'_>) -> Vec<(f64, f64)> {
    let mut out = Vec::with_capacity(points.len() * 2);
    for point in points {
        if let Some((_, held)) = out.last().copied() {
            out.push((point.0, held));
        }
        out.push(*point);
    }
    out
}
