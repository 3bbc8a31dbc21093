//! How fast a figure grows, by a method that a few wild samples do not move: Theil and Sen's.
//!
//! Must never: be told by a mean. Pure; allocates.

/// Points a fit looks at: more are first put together, the middle one of neighbours for all.
const POINTS: usize = 200;
/// Fewest points that say anything.
const FEWEST: usize = 8;
/// Standard normal deviate of a two-sided 95 % interval.
const DEVIATE: f64 = 1.96;

/// What a figure gains in a unit of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// The median of the slopes of all pairs of points.
    pub mid: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
}

/// The slope of points `(time, figure)` in order of time; `None` where they are too few.
///
/// The interval is Sen's, of independent samples. Those of a process are not quite: neighbours are
/// put together before, which makes it wider, never narrower.
#[must_use]
pub fn of(points: &[(f64, f64)]) -> Option<Slope> {
    let points = thinned(points);
    let count = points.len();
    if count < FEWEST {
        return None;
    }
    let pairs = points.iter().enumerate().flat_map(|(at, from)| {
        let later = points.iter().skip(at + 1).filter(move |to| to.0 > from.0);
        later.map(move |to| (to.1 - from.1) / (to.0 - from.0))
    });
    let mut slopes: Vec<f64> = pairs.collect();
    slopes.sort_by(f64::total_cmp);
    let n = figure(count);
    let spread = DEVIATE * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    let all = figure(slopes.len());
    Some(Slope {
        low: at(&slopes, f64::midpoint(all, -spread).floor()),
        mid: middle(&slopes),
        high: at(&slopes, f64::midpoint(all, spread).ceil()),
    })
}

/// The median; 0 of nothing.
#[must_use]
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    middle(&figures)
}

/// A count as a figure.
#[must_use]
pub fn figure(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

fn middle(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    let upper = sorted.get(half).copied().unwrap_or(0.0);
    let lower = half.checked_sub(1).and_then(|below| sorted.get(below)).copied();
    lower.filter(|_| sorted.len().is_multiple_of(2)).map_or(upper, |low| f64::midpoint(low, upper))
}

/// The figure at a place, or at the nearest there is.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place is a small whole number, and is not negative here"
)]
fn at(sorted: &[f64], place: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let place = place.clamp(0.0, figure(last)) as usize;
    sorted.get(place.min(last)).copied().unwrap_or(0.0)
}

fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let each = points.len().div_ceil(POINTS).max(1);
    let joined = points.chunks(each).map(|near| {
        (median(near.iter().map(|point| point.0)), median(near.iter().map(|point| point.1)))
    });
    joined.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A series of `count` points, one a second, with `noise` that depends on nothing but the place.
    fn series(count: u32, noise: f64, of: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let mut word = 1_u32;
        let points = (0..count).map(|place| {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let minutes = f64::from(place) / 60.0;
            (minutes, of(minutes) + noise * (f64::from(word >> 8) / f64::from(1 << 24) - 0.5))
        });
        points.collect()
    }

    fn is_near(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() < 1e-9
    }

    #[test]
    fn a_straight_line_has_its_own_slope() {
        let slope = of(&series(600, 0.0, |minutes| 100.0 + 12.0 * minutes)).expect("enough");
        let all = [slope.low, slope.mid, slope.high];
        assert!(all.iter().all(|found| (found - 12.0).abs() < 1e-6), "{slope:?}");
        assert_eq!(of(&series(7, 0.0, |minutes| minutes)), None, "too few");
    }

    #[test]
    fn a_leak_under_noise_is_above_its_bound_and_noise_alone_is_not() {
        // An hour; a page a minute under noise of a hundred pages.
        let leak = of(&series(3_600, 400.0, |minutes| 4.0 * minutes)).expect("enough");
        assert!(leak.low > 2.0 && leak.mid > 3.0 && leak.high < 6.0, "{leak:?}");
        let flat = of(&series(3_600, 400.0, |_| 9_000.0)).expect("enough");
        assert!(flat.low < 0.0 && flat.high > 0.0 && flat.high < 2.0, "{flat:?}");
    }

    #[test]
    fn one_step_and_wild_samples_are_no_slope() {
        let stepped = |minutes: f64| if minutes < 20.0 { 5_000.0 } else { 5_512.0 };
        let step = of(&series(3_600, 0.0, stepped)).expect("enough");
        assert!(is_near(step.low, 0.0) && is_near(step.mid, 0.0), "{step:?}");
        let mut wild = series(3_600, 0.0, |_| 5_000.0);
        wild.iter_mut().step_by(10).for_each(|point| point.1 = 90_000.0);
        let flat = of(&wild).expect("enough");
        assert!(is_near(flat.low, 0.0) && is_near(flat.high, 0.0), "{flat:?}");
    }

    #[test]
    fn steps_that_go_on_are_a_slope() {
        // 128 KiB every eight minutes: 16 a minute.
        let slope = of(&series(3_600, 0.0, |minutes| 128.0 * (minutes / 8.0).floor()));
        let slope = slope.expect("enough");
        assert!(slope.low > 10.0 && slope.high < 20.0, "{slope:?}");
    }

    #[test]
    fn medians_of_odd_even_and_none() {
        assert!(is_near(median([3.0, 1.0, 2.0]), 2.0));
        assert!(is_near(median([4.0, 1.0, 2.0, 3.0]), 2.5));
        assert!(is_near(median([]), 0.0));
    }
}
