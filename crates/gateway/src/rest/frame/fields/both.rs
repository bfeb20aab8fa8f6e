use super::{Count, FieldSchema, Fields, Source};
use crate::rest::frame::faults::Faults;

/// The fields of two structs in one place, such as a filter that several operations share and what one of them adds.
#[derive(Debug)]
pub struct Both<A, B>(pub A, pub B);

/// More fields have no two structs together.
const MOST: usize = 32;

impl<A: Fields, B: Fields> Both<A, B> {
    const NUMBER: usize = A::NAMES.len() + B::NAMES.len();

    const ALL: [&'static str; MOST] = {
        assert!(Self::NUMBER <= MOST, "too many fields");
        let mut all = [""; MOST];
        let mut place = 0;
        while place < Self::NUMBER {
            all[place] = if place < A::NAMES.len() {
                A::NAMES[place]
            } else {
                B::NAMES[place - A::NAMES.len()]
            };
            place += 1;
        }
        all
    };

    const KEPT: &'static [&'static str] = &Self::ALL;
}

impl<A: Fields, B: Fields> Fields for Both<A, B> {
    const NAME: &'static str = A::NAME;
    const DESCRIPTION: &'static str = A::DESCRIPTION;
    const NAMES: &'static [&'static str] = Self::KEPT.split_at(Self::NUMBER).0;
    // Query fields: a body never stands on both.
    const COUNT: Count = Count::Any;

    fn take(source: &mut Source, faults: &mut Faults) -> Option<Self> {
        let (first, second) = (A::take(source, faults), B::take(source, faults));
        first.zip(second).map(|(first, second)| Self(first, second))
    }

    fn describe() -> Vec<FieldSchema> {
        [A::describe(), B::describe()].into_iter().flatten().collect()
    }
}
