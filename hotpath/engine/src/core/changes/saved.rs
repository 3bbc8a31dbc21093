//! The layers of limits as words: fed to the hash, taken back from a saved state.

use super::Layers;
use crate::hash::StateHasher;
use crate::limits::{LimitSet, Row};
use crate::state::{StateError, StateReader};

impl Layers {
    pub(in crate::core) fn hash_into(&self, h: &mut StateHasher) {
        let o = &self.operator;
        o.firm.hash_into(h);
        self.session.firm.hash_into(h);
        for (row, session) in o.symbols.iter().zip(&self.session.symbols) {
            h.bool(row.is_some());
            if let Some(row) = row {
                row.limits.hash_into(h);
            }
            session.hash_into(h);
        }
        for (row, session) in o.strategies.iter().zip(&self.session.strategies) {
            h.bool(row.is_some());
            if let Some(row) = row {
                row.hash_into(h);
            }
            session.hash_into(h);
        }
        for ((_, row), session) in o.venues.iter().zip(&self.session.venues) {
            row.hash_into(h);
            session.hash_into(h);
        }
        hash_name(o, h);
        h.bool(self.staged.is_some());
        if let Some(staged) = &self.staged {
            hash_name(staged, h);
            staged.firm.hash_into(h);
            staged.symbols.iter().flatten().for_each(|row| row.limits.hash_into(h));
            staged.strategies.iter().flatten().for_each(|row| row.hash_into(h));
            staged.venues.iter().for_each(|(_, row)| row.hash_into(h));
        }
    }

    /// Takes back what was fed. Rules, and which rows there are, are the setup's: no limits file that
    /// is taken later can change them.
    pub(in crate::core) fn load_from(
        &mut self,
        from: &mut StateReader<'_>,
    ) -> Result<(), StateError> {
        let o = &mut self.operator;
        o.firm.load_from(from)?;
        self.session.firm.load_from(from)?;
        for (row, session) in o.symbols.iter_mut().zip(&mut self.session.symbols) {
            from.same(u64::from(row.is_some()))?;
            if let Some(row) = row {
                row.limits.load_from(from)?;
            }
            session.load_from(from)?;
        }
        for (row, session) in o.strategies.iter_mut().zip(&mut self.session.strategies) {
            from.same(u64::from(row.is_some()))?;
            if let Some(row) = row {
                row.load_from(from)?;
            }
            session.load_from(from)?;
        }
        for ((_, row), session) in o.venues.iter_mut().zip(&mut self.session.venues) {
            row.load_from(from)?;
            session.load_from(from)?;
        }
        load_name(o, from)?;
        if !from.bool()? {
            return Ok(());
        }
        let Some(mut staged) = self.spare.take() else { return Err(StateError::NotFresh) };
        staged.copy_from(&self.operator);
        load_name(&mut staged, from)?;
        staged.firm.load_from(from)?;
        for row in staged.symbols.iter_mut().flatten() {
            row.limits.load_from(from)?;
        }
        for row in staged.strategies.iter_mut().flatten() {
            row.load_from(from)?;
        }
        for (_, row) in &mut staged.venues {
            row.load_from(from)?;
        }
        self.staged = Some(staged);
        Ok(())
    }
}

/// Folds what identifies a file.
fn hash_name(of: &LimitSet, h: &mut StateHasher) {
    h.u64(of.epoch);
    for word in of.sha256.as_chunks::<8>().0 {
        h.u64(u64::from_le_bytes(*word));
    }
}

fn load_name(of: &mut LimitSet, from: &mut StateReader<'_>) -> Result<(), StateError> {
    of.epoch = from.u64()?;
    for word in of.sha256.as_chunks_mut::<8>().0 {
        *word = from.u64()?.to_le_bytes();
    }
    Ok(())
}
