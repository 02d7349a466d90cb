//! Many grades in a few figures.

use super::{Grade, Graded};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    pub total: usize,
    pub right: usize,
    pub tolerated: usize,
    pub overconfident: usize,
    pub wrong: usize,
    pub confirmed_and_wrong: usize,
    pub missing: usize,
    pub extra: usize,
    /// Verdicts `Unknown`, right or not.
    pub unknown: usize,
    pub confirmed: usize,
    pub unsettled: usize,
    pub intervals: usize,
    pub intervals_right: usize,
    /// Intervals without an upper end.
    pub intervals_open: usize,
    /// The middle one of the widths of closed intervals.
    pub median_width_seconds: Option<f64>,
}

impl Figures {
    pub fn of<'a>(graded: impl IntoIterator<Item = &'a Graded>) -> Self {
        let mut figures = Self::default();
        let mut widths = Vec::new();
        for one in graded {
            figures.total += 1;
            *match one.grade {
                Grade::Right => &mut figures.right,
                Grade::Tolerated => &mut figures.tolerated,
                Grade::Overconfident => &mut figures.overconfident,
                Grade::Wrong => &mut figures.wrong,
                Grade::ConfirmedAndWrong => &mut figures.confirmed_and_wrong,
                Grade::Missing => &mut figures.missing,
                Grade::Extra => &mut figures.extra,
            } += 1;
            figures.unknown += usize::from(one.verdict.contains("Unknown"));
            figures.confirmed += usize::from(one.confidence.as_deref() == Some("Confirmed"));
            figures.unsettled += usize::from(!one.is_settled);
            for interval in &one.intervals {
                figures.intervals += 1;
                figures.intervals_right += usize::from(interval.is_right());
                figures.intervals_open += usize::from(interval.max_seconds.is_none());
                widths.extend(interval.width_seconds());
            }
        }
        widths.sort_by(f64::total_cmp);
        figures.median_width_seconds = widths.get(widths.len() / 2).copied();
        figures
    }

    /// The share of the right and the tolerated, between 0 and 1.
    pub fn right_share(&self) -> f64 {
        right_share(self.right + self.tolerated, self.total)
    }

    /// The share of intervals that hold the true duration, between 0 and 1.
    pub fn intervals_right_share(&self) -> f64 {
        right_share(self.intervals_right, self.intervals)
    }
}

/// Of nothing, all is right.
fn right_share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { share(part, whole) }
}

/// Between 0 and 1; of nothing, none.
pub fn share(part: usize, whole: usize) -> f64 {
    let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    count(part) / count(whole.max(1))
}
