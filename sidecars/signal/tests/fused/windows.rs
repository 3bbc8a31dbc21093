//! The windows the fused kernel is compared on, and the comparison.
//!
//! Must never: compare on windows that all give the same answer.

use corelane_signal::model::Model;
use std::path::{Path, PathBuf};
use wire::signal::InputWindow;

/// Largest difference of a probability.
const TOLERANCE: f32 = 1e-5;
const RANDOM: u64 = 3_000;

pub(crate) fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/bin_ctabl")
}

/// Golden, random and extreme windows.
pub(crate) fn all(model: &Model) -> Vec<InputWindow> {
    let mut windows = model.manifest().golden.windows();
    windows.extend((0..RANDOM).map(random));
    let extremes = [0, 1, -1, i64::MIN, i64::MAX, 1 << 24, 1_000_000, -1_000_000];
    for a in extremes {
        windows.push([a; 400]);
        for b in extremes {
            windows.push(std::array::from_fn(|n| if n % 2 == 0 { a } else { b }));
            windows.push(std::array::from_fn(|n| if n < 200 { a } else { b }));
            windows.push(std::array::from_fn(|n| if n == 399 { a } else { b }));
        }
    }
    windows
}

/// A window of book-like offsets and quantities, still, lively, thin or deep, by its number.
pub(crate) fn random(seed: u64) -> InputWindow {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |limit: i64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::try_from(state >> 1).unwrap_or(0) % limit
    };
    let (reach, depth) = (1 << (5 + below(25)), 1 << (1 + below(40)));
    std::array::from_fn(|n| if n % 2 == 0 { below(reach) - reach / 2 } else { below(depth) })
}

/// Runs both models over every window; their probabilities are the same within [`TOLERANCE`].
pub(crate) fn compare(fused: &mut Model, other: &mut Model) {
    assert_eq!(fused.provider(), "fused/cpu");
    assert_ne!(other.provider(), "fused/cpu");
    let windows = all(fused);
    let (mut lowest, mut highest) = (f32::MAX, f32::MIN);
    let mut worst = 0.0_f32;
    for window in &windows {
        let (difference, up) = same(fused, other, window);
        worst = worst.max(difference);
        (lowest, highest) = (lowest.min(up), highest.max(up));
    }
    eprintln!("{} windows, largest difference {worst:e} from {}", windows.len(), other.provider());
    assert!(highest - lowest > 0.2, "answers from {lowest} to {highest}");
}

/// The largest difference on one window, and the probability of a rise.
pub(crate) fn same(fused: &mut Model, other: &mut Model, window: &InputWindow) -> (f32, f32) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    fused.run(std::slice::from_ref(window), &mut a).expect("the kernel runs");
    other.run(std::slice::from_ref(window), &mut b).expect("the runtime runs");
    let difference = a[0].iter().zip(&b[0]).map(|(a, b)| (a - b).abs()).fold(0.0, |most, d| {
        // Not f32::max: NaN must not vanish.
        if d <= most { most } else { d }
    });
    assert!(difference <= TOLERANCE, "{a:?} is not {b:?} of {} for {window:?}", other.provider());
    (difference, a[0][2])
}
