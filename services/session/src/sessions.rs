//! The sessions of one task: in its memory, and nowhere else.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{Duration, Instant};

/// How long a session lives without a visit.
const LIFETIME: Duration = Duration::from_secs(3600);

/// The most sessions of a task. Beyond it those go that were visited longest ago.
const MOST: usize = 10_000;

/// How many of them go at a time: to find them, all are looked at, which is too much work for each new visitor.
const CROWD: usize = MOST / 10;

/// What is remembered of a visitor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    /// How often the visitor came.
    pub visits: u64,
    /// What the visitor wrote.
    pub note: String,
}

/// All sessions of this task, by their ids.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<String, (Session, Instant)>>);

impl Sessions {
    /// Counts a visit of a session that is here.
    pub fn visit(&self, id: &str) -> Option<Session> {
        self.change(id, |session| session.visits += 1)
    }

    /// Keeps a note in a session that is here.
    pub fn note(&self, id: &str, text: String) -> Option<Session> {
        self.change(id, |session| session.note = text)
    }

    /// A session that is here, as it is.
    pub fn get(&self, id: &str) -> Option<Session> {
        self.change(id, |_| ())
    }

    /// Begins a session with its first visit. Its id is always a new one: one that a visitor brings could be somebody else's choice.
    pub fn begin(&self) -> (String, Session) {
        let id = format!("{:032x}", rand::random::<u128>());
        let session = Session { visits: 1, note: String::new() };
        let mut all = self.all();
        if all.len() >= MOST {
            forget_oldest(&mut all);
        }
        all.insert(id.clone(), (session.clone(), Instant::now()));
        (id, session)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.all().len()
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Session)) -> Option<Session> {
        let mut all = self.all();
        let (session, seen) = all.get_mut(id).filter(|(_, seen)| seen.elapsed() < LIFETIME)?;
        *seen = Instant::now();
        change(session);
        Some(session.clone())
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, (Session, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets those that were visited longest ago; those whose time is over are among them.
fn forget_oldest(all: &mut HashMap<String, (Session, Instant)>) {
    let mut by_visit: Vec<(Instant, &String)> = all.iter().map(|(id, (_, seen))| (*seen, id)).collect();
    let (oldest, ..) = by_visit.select_nth_unstable(CROWD);
    let oldest: Vec<String> = oldest.iter().map(|(_, id)| (*id).clone()).collect();
    for id in oldest {
        all.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_counts_and_is_known_by_its_own_id_alone() {
        let sessions = Sessions::default();
        let (id, first) = sessions.begin();
        assert_eq!((id.len(), first.visits), (32, 1));
        assert_eq!(sessions.visit(&id).unwrap().visits, 2);
        assert_eq!(sessions.note(&id, "hello".to_owned()).unwrap().note, "hello");
        assert_eq!(sessions.get(&id), Some(Session { visits: 2, note: "hello".to_owned() }));
        assert_eq!(sessions.visit("somebody's choice"), None);
        assert_ne!(sessions.begin().0, id);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_when_nobody_comes_and_there_are_never_too_many() {
        let sessions = Sessions::default();
        let (id, _) = sessions.begin();
        tokio::time::advance(LIFETIME).await;
        assert_eq!(sessions.visit(&id), None);
        let ((first, _), (faithful, _)) = (sessions.begin(), sessions.begin());
        tokio::time::advance(Duration::from_secs(1)).await;
        while sessions.len() < MOST {
            sessions.begin();
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(sessions.visit(&faithful).unwrap().visits, 2);
        // Many go at once, so that the next visitors need not look for one that goes.
        let (last, _) = sessions.begin();
        assert_eq!(sessions.len(), MOST - CROWD + 1);
        assert_eq!(sessions.visit(&first), None);
        assert!(sessions.visit(&faithful).is_some() && sessions.visit(&last).is_some());
    }
}
