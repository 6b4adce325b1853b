//! A table whose places are used again, with tokens that are not.

/// Things by place. A place that is used again gets another token, so that what the kernel says of the one before is
/// not taken for news of the one that is there now.
#[derive(Debug)]
pub(super) struct Slab<T> {
    pub(super) places: Vec<Place<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct Place<T> {
    generation: u32,
    item: Option<T>,
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) place: u32,
    generation: u32,
}

impl From<Token> for u64 {
    fn from(token: Token) -> Self {
        Self::from(token.generation) << 32 | Self::from(token.place)
    }
}

impl From<u64> for Token {
    fn from(token: u64) -> Self {
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
        Self {
            place: half(token),
            generation: half(token >> 32),
        }
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, item: T) -> Token {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place {
                generation: 0,
                item: None,
            });
            // Nobody holds 2^32 of them.
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let found = &mut self.places[place as usize];
        found.generation = found.generation.wrapping_add(1);
        found.item = Some(item);
        Token {
            place,
            generation: found.generation,
        }
    }

    pub(super) fn get(&self, token: Token) -> Option<&T> {
        let place = self.places.get(token.place as usize)?;
        place.item.as_ref().filter(|_| place.generation == token.generation)
    }

    pub(super) fn contains(&self, token: Token) -> bool {
        self.get(token).is_some()
    }

    /// Drops one, if it is still there.
    pub(super) fn remove(&mut self, token: Token) {
        if self.contains(token) {
            self.places[token.place as usize].item = None;
            self.free.push(token.place);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}
