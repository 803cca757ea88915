//! What a reload does: the differences between the streams as the file had them when it was read last and as it has
//! them now. What the API changed meanwhile stays, unless the file changes that very stream.
use super::Plans;
use crate::plan::StreamPlan;
use media::StreamName;

/// What is to be done, by name.
#[derive(PartialEq, Debug, Default)]
pub(super) struct Diff {
    /// Streams to make or change, and what they are to be.
    pub(super) put: Vec<(StreamName, StreamPlan)>,
    /// Streams to remove.
    pub(super) remove: Vec<StreamName>,
    /// Streams of the file that are left alone.
    pub(super) unchanged: usize,
    /// Where the file is not what is in force, since somebody used the API.
    pub(super) notes: Vec<String>,
}

impl Diff {
    /// `before` and `now` are what the file said and says, `running` is what is in force.
    pub(super) fn new(before: &Plans, now: &Plans, running: &Plans) -> Self {
        let mut diff = Self::default();
        for name in before.keys().filter(|name| !now.contains_key(*name)) {
            if running.contains_key(name) {
                diff.remove.push(name.clone());
            } else {
                diff.notes
                    .push(format!("streams.{name}: it left the file; the API had removed the stream before"));
            }
        }
        for (name, plan) in now {
            let in_force = running.get(name);
            let same_in_file = before.get(name) == Some(plan);
            if !same_in_file && in_force != Some(plan) {
                diff.put.push((name.clone(), plan.clone()));
                continue;
            }
            diff.unchanged += 1;
            let stays = "the file says of it what it said before, so that stays";
            match in_force {
                Some(in_force) if in_force == plan => {}
                Some(_) => diff.notes.push(format!("streams.{name}: the API changed the stream; {stays}")),
                None => diff.notes.push(format!("streams.{name}: the API removed the stream; {stays}")),
            }
        }
        diff
    }

    /// What is in force afterwards.
    pub(super) fn outcome(&self, running: &Plans) -> Plans {
        let mut plans = running.clone();
        plans.retain(|name, _| !self.remove.contains(name));
        plans.extend(self.put.iter().cloned());
        plans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Streams written as `name=url`.
    fn plans(streams: &[&str]) -> Plans {
        let plan = |text: &&str| {
            let (name, url) = text.split_once('=').unwrap();
            let plan = StreamPlan { sources: vec![url.into()], ..StreamPlan::default() };
            (StreamName::new(name).unwrap(), plan)
        };
        streams.iter().map(plan).collect()
    }

    /// What is put, removed and left alone, and how many notes there are.
    fn done(before: &[&str], now: &[&str], running: &[&str]) -> (Vec<String>, Vec<String>, usize, usize) {
        let diff = Diff::new(&plans(before), &plans(now), &plans(running));
        let put = diff.put.iter().map(|(name, plan)| format!("{name}={}", plan.sources[0].url)).collect();
        let removed = diff.remove.iter().map(ToString::to_string).collect();
        (put, removed, diff.unchanged, diff.notes.len())
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn the_same_file_again_does_nothing() {
        let same = ["a=rtsp://h/a", "b=rtsp://h/b"];
        assert_eq!(done(&same, &same, &same), (vec![], vec![], 2, 0));
        assert_eq!(done(&[], &[], &[]), (vec![], vec![], 0, 0));
    }

    #[test]
    fn what_is_new_or_otherwise_is_put_and_what_left_is_removed() {
        let (before, now) = (["a=1", "b=1", "c=1"], ["a=1", "b=2", "d=1"]);
        assert_eq!(done(&before, &now, &before), (texts(&["b=2", "d=1"]), texts(&["c"]), 1, 0));
        assert_eq!(done(&before, &[], &before), (vec![], texts(&["a", "b", "c"]), 0, 0));
    }

    #[test]
    fn anything_in_a_plan_that_changes_is_a_change_also_what_sections_say_for_all() {
        let before = plans(&["a=1"]);
        let changes: [fn(&mut StreamPlan); 5] = [
            |plan| plan.preload = Some("video".into()),
            |plan| plan.policy.factor = 3.0,
            |plan| plan.linger = Some(std::time::Duration::ZERO),
            |plan| plan.talk.half_duplex = true,
            |plan| plan.sources[0].fallback = true,
        ];
        for change in changes {
            let mut now = before.clone();
            now.values_mut().for_each(change);
            let diff = Diff::new(&before, &now, &before);
            assert_eq!((diff.put.len(), diff.unchanged), (1, 0));
            assert_eq!(diff.outcome(&before), now);
        }
    }

    #[test]
    fn what_the_api_did_stays_and_is_told_while_the_file_says_the_same() {
        let file = ["a=1", "b=1", "c=1"];
        // b was changed, c was removed, x was made.
        let running = ["a=1", "b=api", "x=api"];
        assert_eq!(done(&file, &file, &running), (vec![], vec![], 3, 2));
        let diff = Diff::new(&plans(&file), &plans(&file), &plans(&running));
        assert_eq!(
            diff.notes,
            [
                "streams.b: the API changed the stream; the file says of it what it said before, so that stays",
                "streams.c: the API removed the stream; the file says of it what it said before, so that stays",
            ]
        );
        assert_eq!(diff.outcome(&plans(&running)), plans(&running));
    }

    #[test]
    fn the_file_has_its_way_with_the_streams_that_it_changes() {
        let running = ["a=api", "x=api"];
        // a was changed by the API, b removed, x made: the file now changes a and b and has x.
        assert_eq!(
            done(&["a=1", "b=1"], &["a=2", "b=2", "x=file"], &running),
            (texts(&["a=2", "b=2", "x=file"]), vec![], 0, 0)
        );
        // What the API changed is removed all the same; what it had removed is not there to remove.
        assert_eq!(done(&["a=1", "b=1"], &[], &running), (vec![], texts(&["a"]), 0, 1));
        // The file came to say what the API had said before.
        assert_eq!(done(&["a=1"], &["a=api"], &running), (vec![], vec![], 1, 0));
    }
}
