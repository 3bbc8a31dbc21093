//! The state hash: a 64-bit fold over every field that can influence a later output.
//!
//! Not cryptographic: it detects divergence between runs, not tampering (the audit chain does
//! that). Each value passes a full-width multiply and a rotate, so order matters and single-bit
//! differences spread. A hasher may also keep the words it is fed: then they are the saved state,
//! and the walk that hashes is the walk that saves. [`crate::state`] reads them back.

/// Folds state into 64 bits.
#[derive(Clone, Debug)]
pub struct StateHasher {
    hash: u64,
    /// The words so far, where they are kept.
    kept: Option<Vec<u64>>,
}

impl Default for StateHasher {
    fn default() -> Self {
        Self { hash: 0x9e37_79b9_7f4a_7c15, kept: None }
    }
}

impl StateHasher {
    /// A hasher that keeps what it is fed, in the memory of `words`.
    pub(crate) fn keeping(mut words: Vec<u64>) -> Self {
        words.clear();
        Self { kept: Some(words), ..Self::default() }
    }

    /// The words that were kept.
    pub(crate) fn into_kept(self) -> Vec<u64> {
        self.kept.unwrap_or_default()
    }

    /// Folds one word.
    pub fn u64(&mut self, value: u64) {
        let mixed = (self.hash ^ value).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.hash = (mixed ^ (mixed >> 32)).rotate_left(27).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        if let Some(words) = &mut self.kept {
            words.push(value);
        }
    }

    /// Keeps one word without folding it: what is shown and influences no output.
    pub(crate) fn note(&mut self, value: u64) {
        if let Some(words) = &mut self.kept {
            words.push(value);
        }
    }

    /// Folds a signed word by its bits.
    pub fn i64(&mut self, value: i64) {
        self.u64(value.cast_unsigned());
    }

    /// Folds a wide signed integer by its bits.
    pub fn i128(&mut self, value: i128) {
        let bits = value.cast_unsigned();
        self.u64(u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0));
        self.u64(u64::try_from(bits >> 64).unwrap_or(0));
    }

    /// Folds a truth value.
    pub fn bool(&mut self, value: bool) {
        self.u64(u64::from(value));
    }

    /// The hash so far.
    #[must_use]
    pub fn finish(&self) -> u64 {
        let mut h = self.hash;
        h ^= h >> 33;
        h = h.wrapping_mul(0xff51_afd7_ed55_8ccd);
        h ^ (h >> 33)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_every_bit_matter() {
        let fold = |values: &[u64]| {
            let mut h = StateHasher::default();
            for value in values {
                h.u64(*value);
            }
            h.finish()
        };
        assert_ne!(fold(&[1, 2]), fold(&[2, 1]));
        assert_ne!(fold(&[0]), fold(&[0, 0]));
        for bit in 0..64 {
            assert_ne!(fold(&[7]), fold(&[7 ^ (1 << bit)]), "bit {bit}");
        }
        let wide = |v: i128| {
            let mut h = StateHasher::default();
            h.i128(v);
            h.finish()
        };
        assert_ne!(wide(1), wide(1 << 64));
    }
}
