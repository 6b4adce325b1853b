//! Where the decisions of a lying network come from: a seed, so that a case can be repeated, or a tape that a fuzzer wrote.

/// Numbers from a seed (`SplitMix64`), or from a tape as long as it lasts.
pub(crate) struct Chance {
    state: u64,
    tape: Vec<u8>,
    at: usize,
}

impl Chance {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self {
            state: seed,
            tape: Vec::new(),
            at: 0,
        }
    }

    /// Decisions are read from `tape`, one byte for each that has up to 256 outcomes, so that a fuzzer can change one at a time.
    #[allow(dead_code, reason = "for the fuzz targets")]
    pub(crate) fn taped(tape: &[u8]) -> Self {
        Self {
            tape: tape.to_vec(),
            ..Self::seeded(0)
        }
    }

    /// Whether the tape has been read to its end.
    pub(crate) fn is_spent(&self) -> bool {
        self.at >= self.tape.len()
    }

    /// Any number; never from the tape, which is to hold decisions alone.
    pub(crate) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `end`, which is not included.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        if self.is_spent() {
            return self.number() % end.max(1);
        }
        let (mut drawn, mut outcomes) = (0, 1_u64);
        while outcomes < end {
            drawn = drawn << 8 | u64::from(self.tape.get(self.at).copied().unwrap_or_default());
            outcomes = outcomes.saturating_mul(256);
            self.at += 1;
        }
        drawn % end.max(1)
    }

    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 1 % times
    }

    /// A place in something of this length.
    pub(crate) fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    /// One of a list that is not empty.
    pub(crate) fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.place(list.len())]
    }

    /// Arbitrary bytes, fewer than `end` of them.
    pub(crate) fn bytes(&mut self, end: usize) -> Vec<u8> {
        (0..self.place(end)).map(|_| self.byte()).collect()
    }

    /// Does one to four things to a packet: bits flipped, bytes inserted, removed or doubled, the end cut off.
    pub(crate) fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            if bytes.is_empty() {
                return;
            }
            // Headers matter most.
            let reach = if self.one_in(2) {
                bytes.len()
            } else {
                bytes.len().min(64)
            };
            let place = self.place(reach);
            match self.below(8) {
                0 => bytes.truncate(place),
                1 => bytes.insert(place, self.byte()),
                2 => drop(bytes.remove(place)),
                3 if bytes.len() < LONGEST => bytes.extend_from_within(place..),
                4 => bytes[place] = *self.one_of(&[0, 1, 4, 5, 0x7f, 0x80, 0xff]),
                _ => bytes[place] ^= self.byte(),
            }
        }
    }
}

/// Doubling stops here: longer packets teach nothing more.
const LONGEST: usize = 2048;
