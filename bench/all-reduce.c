/* What ranks.ts compares with: all-reduces an array in place, as often as the first argument says, and prints the median in ms. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return (difference > 0) - (difference < 0);
}

int main(int argc, char **argv) {
  int provided, rank, warm_up = 3, turns = atoi(argv[1]), length = atoi(argv[2]) * (1000000 / sizeof(float));
  MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  float *values = malloc(length * sizeof(float));
  double *times = malloc(turns * sizeof(double));
  for (int i = 0; i < length; i++) values[i] = rank + 1;
  for (int turn = 0; turn < warm_up + turns; turn++) {
    MPI_Barrier(MPI_COMM_WORLD);
    double begun = MPI_Wtime();
    MPI_Allreduce(MPI_IN_PLACE, values, length, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    if (turn >= warm_up) times[turn - warm_up] = 1e3 * (MPI_Wtime() - begun);
  }
  qsort(times, turns, sizeof(double), ascending);
  if (rank == 0) printf("{\"median\": %f, \"mebibytes\": 0}\n", times[turns / 2]);
  MPI_Finalize();
}
