//! How large a bench runs: a smoke size for `make test`, a real size for figures.

/// Size of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A second or less, to prove that the bench works. Its figures mean nothing.
    Smoke,
    /// The size whose figures are shown.
    Real,
}

impl Size {
    /// Reads the size from the process's arguments: real under `cargo bench` (which passes
    /// `--bench`) or with `--real`, smoke with `--smoke` and under `cargo test`.
    #[must_use]
    pub fn from_args() -> Self {
        Self::from_words(std::env::args().skip(1))
    }

    fn from_words(words: impl Iterator<Item = String>) -> Self {
        let words: Vec<_> = words.collect();
        let has = |word: &str| words.iter().any(|given| given == word);
        if !has("--smoke") && (has("--real") || has("--bench")) { Self::Real } else { Self::Smoke }
    }

    /// `smoke` or `real`, by size.
    #[must_use]
    pub fn pick<T>(self, smoke: T, real: T) -> T {
        match self {
            Self::Smoke => smoke,
            Self::Real => real,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn smoke_wins_and_is_the_default() {
        let size = |words: &[&str]| Size::from_words(words.iter().map(ToString::to_string));
        assert_eq!(size(&[]), Size::Smoke);
        assert_eq!(size(&["--test"]), Size::Smoke);
        assert_eq!(size(&["--bench"]), Size::Real);
        assert_eq!(size(&["--real"]), Size::Real);
        assert_eq!(size(&["--bench", "--smoke"]), Size::Smoke);
    }
}
