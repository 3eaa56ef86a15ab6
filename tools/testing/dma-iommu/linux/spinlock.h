/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_SPINLOCK_H
#define __SHIM_SPINLOCK_H

#include <pthread.h>

#include <linux/compiler.h>
#include <linux/preempt.h>

/**
 * struct spinlock - A lock that knows whose it is
 * @mutex: the lock
 * @owner: who holds it
 * @held: whether anybody does
 */
struct spinlock {
	pthread_mutex_t mutex;
	pthread_t owner;
	bool held;
};

#define spinlock_t struct spinlock

static inline void spin_lock_init(struct spinlock *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
	lock->held = false;
}

/* Who does not hold the lock gets no answer that means anything, but no yes */
static inline bool shim_is_mine(const struct spinlock *lock)
{
	return __atomic_load_n(&lock->held, __ATOMIC_RELAXED) &&
	       pthread_equal(__atomic_load_n(&lock->owner, __ATOMIC_RELAXED),
			     pthread_self());
}

static inline void spin_lock(struct spinlock *lock)
{
	shim_stir();
	if (shim_is_mine(lock))
		shim_die("a lock is taken that this thread holds");
	shim_lock_depth(1);
	pthread_mutex_lock(&lock->mutex);
	__atomic_store_n(&lock->owner, pthread_self(), __ATOMIC_RELAXED);
	__atomic_store_n(&lock->held, true, __ATOMIC_RELAXED);
}

static inline bool spin_trylock(struct spinlock *lock)
{
	shim_stir();
	if (shim_is_mine(lock) || pthread_mutex_trylock(&lock->mutex))
		return false;
	shim_lock_depth(1);
	__atomic_store_n(&lock->owner, pthread_self(), __ATOMIC_RELAXED);
	__atomic_store_n(&lock->held, true, __ATOMIC_RELAXED);
	return true;
}

static inline void spin_unlock(struct spinlock *lock)
{
	if (!shim_is_mine(lock))
		shim_die("a lock is dropped that this thread does not hold");
	__atomic_store_n(&lock->held, false, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&lock->mutex);
	shim_lock_depth(-1);
	shim_stir();
}

#define local_irq_save(flags) ((flags) = 0)
#define local_irq_restore(flags) ((void)(flags))

#define spin_lock_irq(lock) spin_lock(lock)
#define spin_unlock_irq(lock) spin_unlock(lock)
#define spin_lock_bh(lock) spin_lock(lock)
#define spin_unlock_bh(lock) spin_unlock(lock)
#define spin_lock_irqsave(lock, flags) \
	do {                           \
		flags = 0;             \
		spin_lock(lock);       \
	} while (0)
#define spin_trylock_irqsave(lock, flags) \
	({                                \
		flags = 0;                \
		spin_trylock(lock);       \
	})
#define spin_unlock_irqrestore(lock, flags) \
	do {                                \
		(void)(flags);              \
		spin_unlock(lock);          \
	} while (0)

#endif /* __SHIM_SPINLOCK_H */
