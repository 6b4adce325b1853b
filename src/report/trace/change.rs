//! A change of a path, in words.

use std::net::IpAddr;

use crate::report::text::address;
use crate::series::Series;
use crate::sweep::PathChange;

/// One sentence about a change of the path of `series`.
#[must_use]
pub fn change_words(series: &Series, change: &PathChange) -> String {
    let name = &*series.target;
    let address = address(series);
    let who = if name == address {
        address
    } else {
        format!("{name} ({address})")
    };
    let what =
        first_difference(change).map_or_else(|| "takes another course".to_owned(), |difference| difference.words());
    format!("The path to {who}, flow {}, {what}", series.flow)
}

/// Where two courses part.
struct Difference {
    /// The last router that both have.
    behind: Option<IpAddr>,
    was: Option<IpAddr>,
    is: Option<IpAddr>,
}

/// The first hop at which different routers answer; else the first at which only one of the courses has an answer.
fn first_difference(change: &PathChange) -> Option<Difference> {
    let longer = change.old.len().max(change.new.len());
    let at = |course: &[Option<IpAddr>], index: usize| course.get(index).copied().flatten();
    let pair = |index| (at(&change.old, index), at(&change.new, index));
    let contradicts = |index: &usize| matches!(pair(*index), (Some(was), Some(is)) if was != is);
    let differs = |index: &usize| {
        let (was, is) = pair(*index);
        was != is
    };
    let index = (0..longer).find(contradicts).or_else(|| (0..longer).find(differs))?;
    let (was, is) = pair(index);
    let behind = (0..index).rev().find_map(|index| pair(index).1.or(pair(index).0));
    Some(Difference { behind, was, is })
}

impl Difference {
    fn words(&self) -> String {
        let behind = self
            .behind
            .map_or_else(String::new, |router| format!(" behind {router}"));
        match (self.was, self.is) {
            (Some(was), Some(is)) => format!("now leads through {is} instead of {was}{behind}"),
            (Some(was), None) => format!("no longer shows {was}{behind}"),
            (None, Some(is)) => format!("now shows {is}{behind}, where nobody answered before"),
            (None, None) => format!("takes another course{behind}"),
        }
    }
}
