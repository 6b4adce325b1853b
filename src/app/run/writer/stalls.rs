//! What a person is told of a host that disturbs itself all the time: the first stall at once, of those that follow a line in ten seconds.

use std::time::Duration;

use crate::units::Mono;

/// Stalls that are not told one by one.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    /// Until when nothing is told.
    quiet_until: Option<Mono>,
    times: u64,
    late: Duration,
}

impl Stalls {
    /// Takes a stall. Whether to tell of it now.
    pub(super) fn is_news(&mut self, now: Mono, late: Duration) -> bool {
        if self.quiet_until.is_none() {
            self.quiet_until = Some(now.after(QUIET));
            return true;
        }
        self.times += 1;
        self.late = self.late.max(late);
        false
    }

    /// How many there were that were not told, and the longest of them, when it is time to tell.
    pub(super) fn poll(&mut self, now: Mono) -> Option<(u64, Duration)> {
        self.quiet_until.filter(|until| *until <= now)?;
        if self.times == 0 {
            self.quiet_until = None;
            return None;
        }
        self.quiet_until = Some(now.after(QUIET));
        Some((std::mem::take(&mut self.times), std::mem::take(&mut self.late)))
    }
}

/// As long as a window of figures, by default.
const QUIET: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Mono {
        Mono::default().after(Duration::from_millis(ms))
    }

    #[test]
    fn many_stalls_are_one_line_in_ten_seconds() {
        let ms = Duration::from_millis;
        let mut stalls = Stalls::default();
        assert_eq!(stalls.poll(at(0)), None);
        assert!(stalls.is_news(at(1_000), ms(30)));
        for (when, late) in [(1_100, 40), (2_000, 60), (10_999, 50)] {
            assert_eq!(stalls.poll(at(when)), None);
            assert!(!stalls.is_news(at(when), ms(late)));
        }
        assert_eq!(stalls.poll(at(11_000)), Some((3, ms(60))));
        assert!(!stalls.is_news(at(11_001), ms(20)));
        assert_eq!(stalls.poll(at(21_000)), Some((1, ms(20))));
        // Ten seconds without any: the next is news again.
        assert_eq!(stalls.poll(at(31_000)), None);
        assert!(stalls.is_news(at(31_001), ms(20)));
    }
}
