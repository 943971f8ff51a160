// The library: streams, containers, algorithms, run-time types, construction order, threads.
#include <algorithm>
#include <any>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <list>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <regex>
#include <set>
#include <shared_mutex>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <typeinfo>
#include <unordered_map>
#include <variant>
#include <vector>

struct Global {
	const char *name;
	explicit Global(const char *n) : name(n) { std::cout << "construct " << name << "\n"; }
	~Global() { std::cout << "destroy " << name << std::endl; }
};
static Global first("first"), second("second");
static Global &lazy() { static Global g("local static"); return g; }
static std::atomic<int> destroyed;
thread_local struct PerThread {
	int id = 0;
	~PerThread() { destroyed += id; }
} perThread;

struct Shape { virtual ~Shape() = default; virtual double area() const = 0; };
struct Circle : virtual Shape { double r; explicit Circle(double x) : r(x) {} double area() const override { return 3 * r * r; } };
struct Square : virtual Shape { double s; explicit Square(double x) : s(x) {} double area() const override { return s * s; } };
struct Both : Circle, Square { Both() : Circle(1), Square(2) {} double area() const override { return Circle::area() + Square::area(); } };

template <typename... T> auto sum(T... t) { return (t + ...); }

int main(int argc, char **argv)
{
	std::cout << std::boolalpha << (argc > 1) << ' ' << std::setprecision(10) << 1.0 / 3 << ' ' << std::hex << 255 << std::dec
		<< ' ' << std::setw(8) << std::setfill('*') << 42 << '\n';
	lazy();
	std::map<std::string, int> words;
	std::istringstream text("the cat and the dog and the end");
	for (std::string w; text >> w;) words[w]++;
	for (auto &[w, n] : words) std::cout << w << '=' << n << ' ';
	std::unordered_map<int, std::string> table;
	for (int i = 0; i < 1000; i++) table[i * 7] = std::to_string(i);
	std::cout << table.at(700) << ' ' << table.size() << '\n';
	std::vector<int> v(1000);
	std::iota(v.begin(), v.end(), 1);
	std::mt19937 random(42);
	std::shuffle(v.begin(), v.end(), std::minstd_rand(1));
	std::sort(v.begin(), v.end(), std::greater<>());
	std::cout << v.front() << ' ' << std::accumulate(v.begin(), v.end(), 0LL) << ' ' << random() << ' ' << sum(1, 2.5, 3L) << '\n';
	std::priority_queue<int> queue(v.begin(), v.begin() + 5);
	std::set<std::string> names{"b", "a"};
	std::deque<int> deque{1, 2};
	std::list<int> list{3, 1, 2};
	list.sort();
	deque.push_front(list.front());
	std::cout << queue.top() << *names.begin() << deque.front() << '\n';

	Both both;
	Shape *shape = &both;
	std::cout << shape->area() << ' ' << (dynamic_cast<Square *>(shape) != nullptr) << ' ' << (typeid(*shape) == typeid(Both)) << ' '
		<< dynamic_cast<Square *>(static_cast<Circle *>(&both))->s << '\n';
	std::variant<int, std::string> variant = "text";
	std::any any = 5;
	std::optional<int> none;
	std::cout << std::get<std::string>(variant) << std::any_cast<int>(any) << none.value_or(-1) << '\n';
	std::smatch match;
	std::string date = "on 2026-11-22 it";
	if (std::regex_search(date, match, std::regex(R"((\d+)-(\d+)-(\d+))"))) std::cout << match[2] << '/' << match[3] << '\n';

	namespace fs = std::filesystem;
	fs::create_directories("d/e");
	std::ofstream("d/e/file") << "line 1\nline 2\n" << 3.25;
	std::ifstream in("d/e/file");
	std::string line;
	double number;
	std::getline(in, line);
	std::getline(in, line);
	in >> number;
	std::cout << line << ' ' << number << ' ' << fs::file_size("d/e/file") << ' ' << fs::exists("d/x") << '\n';
	for (auto &e : fs::recursive_directory_iterator("d")) std::cout << e.path().string() << (e.is_directory() ? "/ " : " ");
	std::cout << fs::remove_all("d") << '\n';

	std::mutex mutex;
	std::condition_variable ready;
	std::vector<std::thread> threads;
	std::atomic<int> turns = 0;
	int next = 0;
	for (int i = 0; i < 4; i++)
		threads.emplace_back([&, i] {
			for (int n = 0; n < 1000; n++) turns++;
			std::unique_lock<std::mutex> lock(mutex);
			ready.wait(lock, [&] { return next == i; });
			perThread.id = i + 1;
			next++;
			ready.notify_all();
		});
	for (auto &t : threads) { t.join(); }
	std::once_flag once;
	for (int i = 0; i < 3; i++) std::call_once(once, [] { std::cout << "once\n"; });
	std::cout << turns << ' ' << next << ' ' << destroyed << '\n';
	auto before = std::chrono::steady_clock::now();
	std::this_thread::sleep_for(std::chrono::milliseconds(2));
	std::cout << (std::chrono::steady_clock::now() - before >= std::chrono::milliseconds(2)) << '\n';
	std::string input;
	while (std::cin >> input) std::cout << '[' << input << ']';
	std::cout << '\n';
	std::atexit([] { std::cout << "atexit" << std::endl; });
	std::cerr << "done: " << argv[argc - 1] << '\n';
	return 3;
}
